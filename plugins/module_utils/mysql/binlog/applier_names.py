# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the ways to apply transactions are called, apart from what they need to be done."""

from __future__ import annotations

AUTO, BINLOG_STATEMENTS, REPLICA = "auto", "binlog_statements", "replica"
APPLIERS = (AUTO, BINLOG_STATEMENTS, REPLICA)
