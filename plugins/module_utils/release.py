# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The version of the engine; the same as the collection's in ``galaxy.yml``."""

from __future__ import annotations

VERSION = "0.1.0"
