# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies leaves the kernel's cache as it is; only a power failure would need the disk."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
