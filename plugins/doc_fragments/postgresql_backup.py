# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What only a backup of PostgreSQL has."""

    DOCUMENTATION = r"""
options:
  exclude_database:
    description:
      - Patterns of databases to leave out of O(all_databases), as C(pg_dumpall --exclude-database) takes them.
        C(*) and C(?) stand for any text and any letter; what is in double quotes (in MySQL back quotes) stands
        for itself.
    type: list
    elements: str
  no_role_passwords:
    description:
      - Leave the passwords of the roles out of O(all_databases).
      - PostgreSQL only.
    type: bool
  archive_version:
    description:
      - The version of the archive, for C(pg_restore) of another series. V(1.12) and V(1.13) are read from 10.3 on,
        V(1.14) from 12, V(1.15) from 16 and V(1.16) from 17 on.
      - Without it, the one that C(pg_dump) of the server's own series writes.
      - PostgreSQL only, and not for the format V(plain).
    type: str
    choices: ['1.12', '1.13', '1.14', '1.15', '1.16']
  inserts:
    description:
      - Store rows as C(INSERT) statements. Restoring them is much slower.
      - PostgreSQL only.
    type: bool
  column_inserts:
    description:
      - As O(inserts), with the names of the columns in every statement.
      - PostgreSQL only.
    type: bool
  rows_per_insert:
    description:
      - As O(inserts), with up to so many rows in a statement.
      - PostgreSQL only.
    type: int
  on_conflict_do_nothing:
    description:
      - Add C(ON CONFLICT DO NOTHING) to the C(INSERT) statements.
      - PostgreSQL only.
    type: bool
  clean:
    description:
      - Have the script drop what it makes first.
      - PostgreSQL only, for O(format=plain); the other formats hold it, and it is asked for when restoring.
    type: bool
  if_exists:
    description:
      - With O(clean=true), have the script drop only what exists.
      - PostgreSQL only, for O(format=plain).
    type: bool
  create:
    description:
      - Have the script make the database too and connect to it.
      - PostgreSQL only, for O(format=plain).
    type: bool
  no_restrict:
    description:
      - Leave out the commands around the script that keep C(psql) from running anything that data has smuggled in.
      - C(psql) before 14.19, 15.14, 16.10 and 17.6 does not know them, nor do other programs that run scripts.
      - PostgreSQL only, for O(format=plain).
    type: bool
  restrict_key:
    description:
      - The key of those commands, letters and digits, instead of a random one, to get the same script again.
      - PostgreSQL only, for O(format=plain).
    type: str
  lock_wait_timeout:
    description:
      - How long to wait for the locks on the tables, as a number and its unit, for example V(30s).
      - Without it, the backup waits as long as it takes.
      - PostgreSQL only.
    type: str
"""
