# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What only a backup of MySQL and MariaDB has."""

    DOCUMENTATION = r"""
options:
  databases:
    description:
      - Several databases instead of all of them, see O(all_databases). They are read in one snapshot unless O(jobs) is
        above 1. With O(dest) they are one script or one folder, and in one snapshot in any case.
      - MySQL and MariaDB only.
    type: list
    elements: str
  system:
    description:
      - What of the server is in a set of O(all_databases) or O(databases) beside the databases. V(users) are all
        accounts and roles with their passwords, limits, grants and default roles, V(plugins) those that were installed
        by a statement, V(udfs) functions of shared libraries, V(servers) what FEDERATED tables connect to (with
        passwords), and V(tablespaces) the general ones of InnoDB.
      - Without it, V(users).
      - MySQL and MariaDB only.
    type: list
    elements: str
  no_system:
    description:
      - Leave all of O(system) out.
      - MySQL and MariaDB only.
    type: bool
  include_user:
    description:
      - Patterns of accounts, C(user) for any host or C(user@host). Only accounts that match one are backed up.
        C(*) and C(?) stand for any text and any letter.
      - MySQL and MariaDB only.
    type: list
    elements: str
  exclude_user:
    description:
      - Patterns as in O(include_user) of accounts to leave out.
      - MySQL and MariaDB only.
    type: list
    elements: str
  where:
    description:
      - A condition in SQL that the rows of every table must meet, for example V(created >= '2026-01-01'). A table
        without such a column fails the backup; see O(tables).
      - MySQL and MariaDB only.
    type: str
  dump_history:
    description:
      - Back up the rows of system-versioned tables that are not current any more too, with the times at which they
        were. Restoring them needs MariaDB 10.11 or later. Tables whose history counts transactions instead are
        refused.
      - MariaDB only.
    type: bool
  lock_tables:
    description:
      - Lock the tables that a snapshot does not cover (MyISAM, Aria, MEMORY and others) against writing while they are
        read. Without, a database with rows in such tables is refused, for they could not be consistent.
      - Tables of InnoDB are never locked.
      - MySQL and MariaDB only.
    type: bool
  insert_ignore:
    description:
      - Write C(INSERT IGNORE) statements. Rows that are in the target already stay as they are, and so do errors.
      - MySQL and MariaDB only.
    type: bool
  replace:
    description:
      - Write C(REPLACE) statements, which replace rows of the target that have the same key.
      - MySQL and MariaDB only.
    type: bool
  complete_insert:
    description:
      - Name the columns in every statement. Where it is necessary (generated and invisible columns) they always are.
      - MySQL and MariaDB only.
    type: bool
  skip_extended_insert:
    description:
      - One row in a statement. Restoring it is much slower.
      - MySQL and MariaDB only.
    type: bool
  order_by_primary:
    description:
      - The rows of each table in the order of its primary key, or of another unique one.
      - MySQL and MariaDB only.
    type: bool
  skip_add_drop_table:
    description:
      - Write no C(DROP TABLE) before a C(CREATE TABLE).
      - MySQL and MariaDB only.
    type: bool
  skip_add_locks:
    description:
      - Write no C(LOCK TABLES) around the rows of a table.
      - MySQL and MariaDB only.
    type: bool
  skip_disable_keys:
    description:
      - Do not let other keys than unique ones be made after the rows of a MyISAM or Aria table.
      - MySQL and MariaDB only.
    type: bool
  no_autocommit:
    description:
      - Make the rows of each table one transaction when the script is loaded.
      - MySQL and MariaDB only.
    type: bool
  net_buffer_length:
    description:
      - How many bytes of rows, as the server sends them, a statement holds at most. A row is never divided.
      - Without it, 786432.
      - MySQL and MariaDB only.
    type: int
  source_data:
    description:
      - How the position of the binary log at the moment of the backup stands in the script. The manifest always has it.
      - V(0) is not at all, V(1) as a statement that makes a replica begin there, V(2) as the same in a comment.
      - Without it, V(2).
      - MySQL and MariaDB only.
    type: str
    choices: ['0', '1', '2']
    aliases: [master_data]
  dump_replica:
    description:
      - The server is a replica; its position in the binary log of its source belongs into the script and the manifest.
        The values are those of O(source_data).
      - The replica is not stopped. Where no global lock may be had and it applies changes without a pause, the backup
        fails, since the position could not be proven to belong to the snapshot.
      - MySQL and MariaDB only.
    type: str
    choices: ['0', '1', '2']
    aliases: [dump_slave]
  set_gtid_purged:
    description:
      - How the GTIDs that the snapshot holds stand in the script. The manifest always has them.
      - V(on) is a statement that sets them, with the binary log switched off for the script, V(commented) the same in a
        comment, V(off) not at all, and V(auto) is V(on) where the server uses GTIDs.
      - Without it, V(commented).
      - MySQL and MariaDB only.
    type: str
    choices: ['off', 'on', commented, auto]
"""
