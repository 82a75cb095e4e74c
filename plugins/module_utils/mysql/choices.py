# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The words that some options of a backup and of a restore take, apart from the options' records: the command has to
know them whatever it is told to do."""

from __future__ import annotations

GTID_PURGED = ("off", "on", "commented", "auto")
KEEP, CURRENT = "keep", "current"
DEFINERS = (KEEP, CURRENT)
