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
  load_data:
    description:
      - How the rows of a backup of the format C(directory) reach the server. By default (V(auto)) they are sent as
        files of C(LOAD DATA LOCAL), which is much less work for the server, where its C(local_infile) is on. Nothing
        changes about what is restored. What the server does not take without any warning is run again as the INSERT
        that it is.
      - With V(never) every INSERT is run as it is.
      - MariaDB has C(local_infile) on by default, MySQL 8.0 and later off.
      - MySQL and MariaDB only.
    type: str
    choices: [auto, never]
  skip_binlog:
    description:
      - Do not write the restore into the target's binary log. Its replicas then do not get what is restored.
      - The user needs the privilege to set C(sql_log_bin).
      - MySQL and MariaDB only.
    type: bool
  exclude_tables:
    description:
      - Leave out the tables, views and sequences that match one of these patterns, also if O(tables) names them.
        C(*) and C(?) stand for any text and any letter, and what is in back quotes stands for itself.
      - MySQL and MariaDB only.
    type: list
    elements: str
  definer:
    description:
      - Whom views, triggers, routines and events run as.
      - V(keep) is the account that the backup names, which needs the privilege to create objects for others. V(current)
        is the restoring user.
      - Without it, V(keep).
      - MySQL and MariaDB only.
    type: str
    choices: [keep, current]
  definer_map:
    description:
      - C(OLD=NEW), for example V(app@%=owner@localhost). What runs as the old account in the backup runs as the new
        one. An account without a host is that of any host. Goes before O(definer).
      - MySQL and MariaDB only.
    type: list
    elements: str
  rewrite:
    description:
      - Other names in definitions, as C(KIND:OLD=NEW), for example
        V(collation:utf8mb4_0900_ai_ci=utf8mb4_unicode_520_ci) or V(engine:aria=InnoDB). The kinds are V(collation),
        V(charset), V(engine), V(sql_mode), V(table_option) and V(name). A word of C(sql_mode) and an option of a table
        are left out with nothing behind C(=). A name in a program that the target reserves is quoted with
        V(name:rank=rank).
      - What the target does not know fails the restore before anything is changed, in check mode too, and the error
        lists the texts that this option would need. Nothing is rewritten without it.
      - MySQL and MariaDB only.
    type: list
    elements: str
  gtid:
    description:
      - V(set) gives the target the GTID state of the backup when everything else is done (C(gtid_purged), in MariaDB
        C(gtid_slave_pos)), so that it can become a replica of the server that was backed up. V(leave) does not.
      - Without it, V(leave).
      - MySQL and MariaDB only.
    type: str
    choices: [leave, set]
"""
