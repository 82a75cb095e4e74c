# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from tests.integration.playbooks import collection, playbooks

__all__ = ["collection", "playbooks"]
