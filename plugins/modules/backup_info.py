#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: List the backups of a repository, or show what is in one
version_added: 0.1.0
description:
  - Reads the manifests of backups. No database and no driver is needed.
  - The content of the backups is not read, unless O(contents) asks for it or there is no manifest. A damaged manifest
    fails the task.
  - An archive or a script of PostgreSQL that has no manifest, for example one of C(pg_dump), is looked into itself.
extends_documentation_fragment:
  - dbfleet.backup.repository
  - dbfleet.backup.identity
  - dbfleet.backup.attributes
  - dbfleet.backup.attributes.info
options:
  source:
    description:
      - The file or folder of one backup, instead of a repository. It may be any archive of C(pg_dump) or script of
        C(pg_dump) or C(pg_dumpall).
      - Exactly one of O(repository) and O(source) is needed.
    type: path
  database:
    description:
      - Only the backups of this database.
    type: str
  backup:
    description:
      - Show this backup with its tables, by its id, or V(latest).
    type: str
  contents:
    description:
      - Look into the archive of the backup too and list what it holds, as C(pg_restore -l) does.
      - This is for one backup of a PostgreSQL database.
    type: bool
seealso:
  - module: dbfleet.backup.native_backup
  - module: dbfleet.backup.native_restore
  - module: dbfleet.backup.binlog_pitr
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: List the backups of the shop
  dbfleet.backup.backup_info:
    repository: /var/backups/databases
    database: shop
  register: shop

- name: Fail if there is no backup
  ansible.builtin.assert:
    that: shop.backups | length > 0
    fail_msg: There is no backup of the shop.

- name: Show the newest one with its tables
  dbfleet.backup.backup_info:
    repository: /var/backups/databases
    database: shop
    backup: latest

- name: Look at a file with its manifest beside it
  dbfleet.backup.backup_info:
    source: /srv/transfer/shop.dump

- name: Look into an archive of pg_dump
  dbfleet.backup.backup_info:
    source: /srv/transfer/foreign.dump
  register: foreign

- name: Fail if a part of it is missing
  ansible.builtin.assert:
    that: foreign.contents.complete
    fail_msg: "{{ foreign.contents.problem }}"
"""

RETURN = r"""
backups:
  description:
    - The backups that were found, without their lists of tables. In the list of a repository, the C(checksums) of their
      files are left out too.
    - The fields of each are those of RV(dbfleet.backup.native_backup#module:backup). In a repository they have C(good),
      C(verified_at), C(verifications) and C(hold) too, see M(dbfleet.backup.backup_verify) and
      M(dbfleet.backup.backup_hold).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 20261122T124118Z-logical
      kind: logical
      dbms: postgresql
      cluster: production
      database: shop
      path: /srv/backups/production/shop/20261122T124118Z-logical
      artifact: shop.dump
      format: custom
      compression: gzip:6
      size: 18273645
      rows: 421337
      table_count: 12
      started_at: '2026-11-22T12:41:18+00:00'
      duration: 12.734
sets:
  description:
    - The sets that were found. Each is a backup of a whole server, made with
      O(dbfleet.backup.native_backup#module:all_databases).
    - Their backups are in RV(backups) too.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The id of the set, which is that of its globals.
      type: str
      sample: 20261122T124118Z-globals
    cluster:
      description: The name of the server in the repository.
      type: str
      sample: production
    started_at:
      description: When the backup of the set began, in UTC.
      type: str
      sample: '2026-11-22T12:41:18+00:00'
    databases:
      description: The databases of the set.
      type: list
      elements: str
      sample: [postgres, shop]
    missing:
      description: Those of them whose backups are not there any more.
      type: list
      elements: str
      sample: []
running:
  description: The jobs that are at work in the repository, as their locks tell.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The folder of a database that the job has locked.
      type: str
      sample: /var/backups/databases/production/shop
    purpose:
      description: What the job does.
      type: str
      sample: backup of shop
    host:
      description: The host that it runs on.
      type: str
      sample: db1
    pid:
      description: Its process.
      type: int
      sample: 4711
    last_seen:
      description: The seconds since it last showed that it lives.
      type: float
      sample: 3.5
    progress:
      description: How far it is. Null for a job of another host or user.
      type: dict
      sample:
        phase: reading
        item: public.orders
        done_bytes: 104857600
        total_bytes: 209715200
        done_rows: 1000000
        percent: 50.0
        bytes_per_second: 52428800
        seconds_left: 2
damaged:
  description:
    - Manifests of the repository that cannot be trusted and were passed over.
    - The module passes over none. It fails and names them, so that this is empty.
  returned: with O(repository), without O(backup)
  type: list
  elements: dict
  sample: []
windows:
  description:
    - Of every backup of a MySQL or MariaDB database whose binlogs are archived in the repository, the time that
      can be reached from it with M(dbfleet.backup.binlog_pitr).
    - Of every physical backup of a PostgreSQL server whose WAL is archived, the same for M(dbfleet.backup.wal_pitr).
  returned: success
  type: list
  elements: dict
  contains:
    cluster:
      description: The name of the server in the repository.
      type: str
      sample: shop
    database:
      description: The database.
      type: str
      sample: shop
    backup:
      description: The id of the backup.
      type: str
      sample: 20261122T000000Z-logical
    begins:
      description:
        - The moment of the backup, as C(time), and in the binlog as C(file), C(position) and C(gtid).
        - In WAL it is C(lsn) and C(timeline).
      type: dict
      sample: {"time": "2026-11-22T00:00:00Z", "file": "binlog.000041", "position": 157, "gtid": ""}
    ends:
      description: The last moment that can be reached.
      type: dict
      sample: {"time": "2026-11-22T12:41:18Z", "file": "binlog.000042", "position": 2311, "gtid": ""}
    gap:
      description: Why it ends there; empty where it ends with what is archived.
      type: str
      sample: ''
backup:
  description:
    - The backup that was asked for, with its tables.
    - The fields are those of RV(dbfleet.backup.native_backup#module:backup).
  returned: with O(backup), or with O(source)
  type: dict
  sample:
    id: 20261122T124118Z-logical
    database: shop
    tables:
      - schema: public
        name: orders
        rows: 200000
        bytes: 31415926
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
contents:
  description:
    - What the archive or script is and holds, read from itself.
    - The C(kind) is V(archive) or V(script). Both have C(format), C(server_version), C(dump_version), C(complete) and,
      if that is false, the C(problem). That nothing is cut off is found out without reading an archive's data.
    - An archive has C(compression), C(archive_version), C(created_at), C(database) and its C(entries) in order.
    - A script has C(of) (V(server), V(database), or empty if it does not say that it is a dump), C(tables) with rows
      and bytes, C(objects) by kind, and the C(databases) that it connects to.
  returned: with O(contents), or with O(source) if there is no manifest
  type: dict
  sample:
    kind: archive
    format: custom
    compression: gzip
    archive_version: '1.16'
    integer_size: 4
    offset_size: 8
    created_at: '2026-11-22T12:41:18+00:00'
    database: shop
    server_version: '18.6'
    dump_version: '18.6'
    complete: true
    problem: ''
    entries:
      - id: 226
        catalog_oid: 1259
        oid: 18069
        kind: TABLE
        schema: shop
        name: orders
        owner: ann
        section: pre-data
        has_data: false
        dependencies: [6]
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(not_found) or V(corrupt).
      type: str
      sample: not_found
    message:
      description: What failed and why.
      type: str
      sample: there is no file or folder /srv/transfer/shop.dump
    hint:
      description: What to do about it.
      type: str
      sample: ''
    context:
      description: Further fields, depending on the kind.
      type: dict
      sample: {"path": "/srv/transfer/shop.dump"}
debug:
  description: Every decision made.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.info import InfoResult, info
from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.info import info_request
from ..module_utils.requests.options import argument_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec("info"),
        mutually_exclusive=[("repository", "source")],
        required_one_of=[("repository", "source")],
        supports_check_mode=True,
    )

    def job(_progress: Progress) -> InfoResult:
        return info(info_request(given_to_module("info", module.params)))

    run_module(module, respawn, job)


if __name__ == "__main__":
    main()
