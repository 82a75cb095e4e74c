# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What only a restore of MySQL and MariaDB has."""

    DOCUMENTATION = r"""
options:
  duplicates:
    description:
      - What becomes of rows whose primary or unique keys are in the target already. By default they are an error.
      - With V(ignore) the target's row stays, with V(replace) the backup's takes its place.
      - Useful with O(force), for tables that hold a part of the rows. The rows are still counted as restored.
      - MySQL and MariaDB only.
    type: str
    choices: [error, ignore, replace]
  skip_binlog:
    description:
      - Do not write the restore into the target's binary log. Its replicas then do not get what is restored.
      - The user needs the privilege to set C(sql_log_bin).
      - MySQL and MariaDB only.
    type: bool
"""
