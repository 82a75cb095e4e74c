# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What chooses the moment of a PostgreSQL backup, and what goes with its rows."""

    DOCUMENTATION = r"""
options:
  snapshot:
    description:
      - Back up the moment of a snapshot that another session exported with C(pg_export_snapshot) and keeps open,
        instead of a new one.
      - A table that was dropped, truncated or rewritten since then fails the backup.
      - PostgreSQL only, and not for O(all_databases).
    type: str
  serializable_deferrable:
    description:
      - Wait for a moment that no serializable transaction can contradict. This can take as long as the longest of them.
      - PostgreSQL only, and not on a standby.
    type: bool
  statistics:
    description:
      - Back up the optimizer's statistics of tables, materialized views and indexes too.
      - Only PostgreSQL 18 and later can take them; older servers can give them.
      - PostgreSQL only.
    type: bool
  statistics_only:
    description:
      - Back up the optimizer's statistics and nothing else.
      - PostgreSQL only, and not for O(all_databases).
    type: bool
  no_statistics:
    description:
      - Leave the optimizer's statistics out, as is the default.
      - PostgreSQL only.
    type: bool
  sequence_data:
    description:
      - Back up the values of sequences, also where no other data is wanted.
      - PostgreSQL only.
    type: bool
"""
