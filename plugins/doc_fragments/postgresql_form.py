# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a backup of a PostgreSQL database is read and worded."""

    DOCUMENTATION = r"""
options:
  no_owner:
    description:
      - Do not say whose the objects are. They belong to whoever runs the script.
      - PostgreSQL only, for O(format=plain); the other formats hold it, and it is left out when restoring.
    type: bool
  use_set_session_authorization:
    description:
      - Make objects as their owners with C(SET SESSION AUTHORIZATION), instead of giving them away afterwards.
      - PostgreSQL only, for O(format=plain).
    type: bool
  no_tablespaces:
    description:
      - Do not say in which tablespaces tables and indexes are.
      - PostgreSQL only, for O(format=plain); the other formats hold it, and it is left out when restoring.
    type: bool
  no_table_access_method:
    description:
      - Do not say with which access methods tables are stored.
      - PostgreSQL only, for O(format=plain); the other formats hold it, and it is left out when restoring.
    type: bool
  disable_triggers:
    description:
      - Switch the triggers of each table off while its rows are loaded, foreign keys too. Only a superuser may run
        such a script.
      - PostgreSQL only, for O(format=plain) with O(data_only=true).
    type: bool
  disable_dollar_quoting:
    description:
      - Write the bodies of functions between single quotes, as the SQL standard has it.
      - PostgreSQL only.
    type: bool
  quote_all_identifiers:
    description:
      - Put every name in double quotes, so that no word that a later version reserves can get in the way.
      - PostgreSQL only.
    type: bool
  load_via_partition_root:
    description:
      - Load the rows of partitions through the partitioned table, which finds the partition of each.
      - It is done without being asked for where rows are spread by the hash of an enum, which another database
        computes otherwise.
      - PostgreSQL only.
    type: bool
  enable_row_security:
    description:
      - Back up the rows that the user may see, where policies hide others. Without it, such a table fails the task.
      - Such a backup is not complete.
      - PostgreSQL only.
    type: bool
  role:
    description:
      - Become this role after connecting, for what the connected user may only do as another.
      - PostgreSQL only.
    type: str
  encoding:
    description:
      - The encoding of the backup's text. Without it, that of the database, which needs no conversion.
      - PostgreSQL only.
    type: str
  extra_float_digits:
    description:
      - The server's setting of this name while numbers are read, from -15 to 3.
      - Without it 3, which loses nothing.
      - PostgreSQL only.
    type: int
"""
