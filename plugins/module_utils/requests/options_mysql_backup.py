# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that only a backup of MySQL and MariaDB has."""

from __future__ import annotations

from .option import Option

MYSQL_BACKUP: tuple[Option, ...] = ()
