#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: native_backup
short_description: Back up a PostgreSQL, MySQL or MariaDB database without its client programs
version_added: 0.1.0
description:
  - Backs up one database, complete and consistent to one moment, while others go on working with it. With
    O(all_databases) it is a whole server.
  - The work is done by the collection's own engine. No C(pg_dump), C(mysqldump) or other program is needed on the host,
    yet what is written can be read by C(pg_restore), C(mysql) and C(mariadb).
  - A backup is published only when it is whole, with a manifest that holds the checksum of every file and the number of
    rows and the digest of every table. A backup that fails leaves nothing behind that could be taken for one.
  - What cannot be backed up fails the task by name. Nothing is left out silently.
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.postgresql
  - dbfleet.backup.mysql
  - dbfleet.backup.postgresql_backup
  - dbfleet.backup.postgresql_selection
  - dbfleet.backup.postgresql_form
  - dbfleet.backup.postgresql_consistency
  - dbfleet.backup.mysql_backup
  - dbfleet.backup.mysql_selection
  - dbfleet.backup.repository
  - dbfleet.backup.engine
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details:
      - Connects, checks the privileges, that every object can be backed up, the destination and its free space.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: full
  idempotent:
    description: Running it again changes nothing.
    support: partial
    details:
      - Makes a new backup every time unless O(max_age) says that a younger one is good enough.
options:
  database:
    description:
      - The database to back up.
      - Exactly one of O(database), O(all_databases) and, for MySQL and MariaDB, O(databases) is needed.
    type: str
  all_databases:
    description:
      - Back up every database that allows connections (but C(template0)) and what belongs to no database (roles with
        their passwords, memberships and settings, privileges on parameters, tablespaces) as one set in a repository.
      - The set is published when all of it is whole. Each of its backups is an ordinary one that can be restored by
        itself.
      - Every database has a snapshot of its own, since the server has none of several databases.
      - The roles' passwords need the right to read C(pg_authid), which superusers and members of C(pg_read_all_data)
        have. See O(no_role_passwords).
      - In MySQL and MariaDB all databases but the system's own are read in one snapshot, unless O(jobs) is above 1.
        What belongs to no database are the accounts and what else O(system) names.
      - With O(dest), MySQL and MariaDB only, all of them are one script or one folder, in one snapshot whatever O(jobs)
        says, and what belongs to no database is not in it.
    type: bool
  tables:
    description:
      - Back up only the tables, views, materialized views, foreign tables and sequences whose names match one of these
        patterns, as C(pg_dump --table) takes them. What belongs to a table comes with it; its schema and what it
        depends on do not.
      - C(*) and C(?) stand for any text and any letter, a dot separates the schema from the name, and what is in double
        quotes stands for itself. A name without a schema is found as the C(search_path) of the user finds it.
      - A pattern that matches nothing is passed over if another one matches something, and fails the task otherwise.
      - For MySQL and MariaDB a pattern is the name of a table, view or sequence, if wanted with its database and a dot
        in front. C(*) and C(?) stand for any text and any letter, and what is in back quotes stands for itself. Tables
        come with their triggers. Procedures, functions and events belong to no table and are left out. A pattern that
        matches nothing fails the task.
    type: list
    elements: str
  exclude_tables:
    description:
      - Leave out what matches one of these patterns, also if O(tables) names it.
    type: list
    elements: str
  schema_only:
    description:
      - Back up the definitions without any data.
    type: bool
  data_only:
    description:
      - Back up the data without any definitions, for a database that has them already.
    type: bool
  dest:
    description:
      - The file or folder to write, instead of a repository. A manifest is written beside it, named after it with
        C(.manifest.json) at the end.
      - An existing folder, or a path that ends with a slash, is where the backup is put, under the database's name.
      - A backup made by this module under the same name is replaced when the new one is complete. Anything else that
        is there is never overwritten.
      - Exactly one of O(repository) and O(dest) is needed.
    type: path
  format:
    description:
      - The format of the backup.
      - Without it, V(custom) for PostgreSQL and V(plain) for MySQL and MariaDB.
    type: str
    choices:
      custom: PostgreSQL. One compressed file, as C(pg_dump --format=custom) writes it.
      directory: A folder with a file for every table, or several (MySQL and MariaDB, as C(mydumper) writes it).
      tar: PostgreSQL. As V(directory), in one tar file.
      plain: One file of SQL statements.
  copy_to:
    description:
      - A second repository, which the finished backup is copied to, with its manifest as it is. There it is read again
        before it counts.
      - A backup that is young enough (O(max_age)) is copied as well, unless it is there already.
      - Where the copy fails, the module fails, and the backup is in O(repository) all the same.
      - Goes with O(repository) only.
    type: path
  encrypt_to:
    description:
      - Encrypt every file of the backup to these age recipients (C(age1...)), each of whose identities opens it.
      - Only these public keys are on the host; what they encrypt cannot be read there. The identity is needed for a
        restore, see O(dbfleet.backup.native_restore#module:identity_file).
      - The manifest is not encrypted, so backups can be listed and compared with their checksums without an identity.
        It holds the names of tables, their numbers of rows and their digests, and no row.
      - The genuine C(age) program opens the files too; their names end with C(.age), except where O(dest) names a file.
      - Needs the Python package C(cryptography).
    type: list
    elements: str
  sign_key:
    description:
      - Sign the manifest with the private Ed25519 key in this file on the host, which has PEM form and no passphrase.
        C(openssl genpkey -algorithm ed25519) makes one.
      - Whoever restores with O(dbfleet.backup.native_restore#module:verify_key) then sees that nobody has put another
        backup in the place of this one.
      - Needs the Python package C(cryptography).
    type: path
  compress:
    description:
      - How to compress, as C(none), C(gzip), C(lz4) or C(zstd), with a level if wanted, for example V(zstd:3).
      - Without it, the default of the format.
      - C(lz4) and C(zstd) need the Python packages C(lz4) and C(zstandard) on the host.
    type: str
  jobs:
    description:
      - How many processes share the work. Above 1 it needs the O(format) V(directory).
    type: int
    default: 1
  max_age:
    description:
      - Do nothing if there is a good backup of the same database at the same place that is younger than this.
      - A number and its unit, V(s), V(m), V(h), V(d) or V(w), for example V(6h).
    type: str
seealso:
  - module: dbfleet.backup.native_restore
  - module: dbfleet.backup.backup_info
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Back up the shop's PostgreSQL database as the system user postgres, at most every six hours
  dbfleet.backup.native_backup:
    dbms: postgresql
    login_unix_socket: /run/postgresql
    database: shop
    repository: /var/backups/databases
    max_age: 6h
  become: true
  become_user: postgres

- name: Back up over a verified connection, compressed with zstd
  dbfleet.backup.native_backup:
    dbms: postgresql
    login_host: db1.example.com
    login_user: backup
    login_password: "{{ vault_backup_password }}"
    ssl_mode: verify-full
    ca_cert: /etc/ssl/certs/example-ca.pem
    database: shop
    compress: zstd:3
    repository: /srv/backups
    cluster: production

- name: Back up a MariaDB database with the account of an option file
  dbfleet.backup.native_backup:
    dbms: mariadb
    option_file: /root/.my.cnf
    login_unix_socket: /run/mysqld/mysqld.sock
    database: forum
    repository: /var/backups/databases
  register: forum

- name: Say what was written
  ansible.builtin.debug:
    msg: "{{ forum.backup.id }}: {{ forum.backup.rows }} rows in {{ forum.backup.size }} bytes"

- name: Back up a whole server
  dbfleet.backup.native_backup:
    dbms: postgresql
    login_unix_socket: /run/postgresql
    all_databases: true
    exclude_database:
      - scratch*
    repository: /var/backups/databases
    max_age: 20h
  become: true
  become_user: postgres
  register: server

- name: Say what was written
  ansible.builtin.debug:
    msg: "Set {{ server.set }}: {{ server.backups | map(attribute='database') | join(', ') }}"

- name: Back up into object storage, encrypted, and keep a second copy on the host
  dbfleet.backup.native_backup:
    dbms: postgresql
    login_unix_socket: /run/postgresql
    database: shop
    repository: s3://backups/fleet?endpoint=https://storage.example.com&region=eu-1
    s3_access_key: "{{ vault_s3_access_key }}"
    s3_secret_key: "{{ vault_s3_secret_key }}"
    encrypt_to:
      - age1lsvlf4q8ek33edqtm9jz0nxhe0r8qnq5q7x902pgsq6sfrvdy3rs9wfcmk
    copy_to: /var/backups/databases
  become: true
  become_user: postgres

- name: Let pg_dump do it where the engine declares that it cannot
  dbfleet.backup.native_backup:
    dbms: postgresql
    database: shop
    repository: /var/backups/databases
    engine: auto
    tools_path: /usr/lib/postgresql/17/bin

- name: Write one file, to be taken elsewhere
  dbfleet.backup.native_backup:
    dbms: postgresql
    database: shop
    dest: /tmp/shop.dump
"""

RETURN = r"""
copies:
  description: With O(copy_to), each backup that was copied, or was there already.
  returned: when O(copy_to) is given
  type: list
  elements: dict
  contains:
    id:
      description: The id of the backup.
      returned: success
      type: str
      sample: 20261122T124118Z-logical
    cluster:
      description: The name of its server in the repository.
      returned: success
      type: str
      sample: production
    database:
      description: Its database, empty for globals.
      returned: success
      type: str
      sample: shop
    size:
      description: How many bytes are stored.
      returned: success
      type: int
      sample: 18273645
    path:
      description: Where the backup is.
      returned: success
      type: str
      sample: /srv/backups/production/shop/20261122T124118Z-logical
    copied_to:
      description: Where the copy is.
      returned: success
      type: str
      sample: s3://backups/fleet/production/shop/20261122T124118Z-logical
    changed:
      description: Whether it was copied now.
      returned: success
      type: bool
backup:
  description:
    - The new backup, or the one that is young enough for O(max_age).
    - In check mode and without such a backup it is the planned one, which has C(estimated_size) instead of what is only
      known afterwards.
  returned: success, without O(all_databases)
  type: dict
  contains:
    id:
      description: The name of the backup, unique for its database and sortable by time.
      returned: not for a planned backup
      type: str
      sample: 20261122T124118Z-logical
    kind:
      description: V(logical) for a backup of rows and definitions, V(globals) for what belongs to no database.
      returned: not for a planned backup
      type: str
      sample: logical
    dbms:
      description: V(postgresql), V(mysql) or V(mariadb), as the server says it.
      returned: success
      type: str
      sample: postgresql
    cluster:
      description: The name of the server in the repository.
      returned: success
      type: str
      sample: production
    database:
      description: The database that was backed up.
      returned: success
      type: str
      sample: shop
    path:
      description: Where the backup is.
      returned: success
      type: str
      sample: /srv/backups/production/shop/20261122T124118Z-logical
    artifact:
      description: The main file or folder of the backup.
      returned: success
      type: str
      sample: shop.dump
    format:
      description: The format of the backup.
      returned: success
      type: str
      sample: custom
    encryption:
      description: How the files are encrypted, V(age), or empty for files that are not.
      type: str
      returned: when the backup was made or is there already
      sample: age
    recipients:
      description: The public keys whose identities open the files.
      type: list
      elements: str
      returned: when the backup was made or is there already
    compression:
      description: The compression and its level.
      returned: success
      type: str
      sample: gzip:6
    size:
      description: The size of all files together, in bytes.
      returned: not for a planned backup
      type: int
      sample: 18273645
    estimated_size:
      description: An upper estimate of the size, in bytes.
      returned: for a planned backup
      type: int
      sample: 20000000
    rows:
      description: The number of rows of all tables.
      returned: not for a planned backup
      type: int
      sample: 421337
    table_count:
      description: The number of tables.
      returned: success
      type: int
      sample: 12
    tables:
      description: Every table whose data is in the backup. Only names for a planned backup.
      returned: success
      type: list
      elements: dict
      contains:
        schema:
          description: The schema (PostgreSQL) or database (MySQL and MariaDB) of the table.
          type: str
          sample: public
        name:
          description: The name of the table.
          type: str
          sample: orders
        rows:
          description: The number of rows.
          type: int
          sample: 200000
        bytes:
          description: The size of the table's data before compression.
          type: int
          sample: 31415926
        sha256:
          description: The digest of the table's data before compression.
          type: str
          sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    objects:
      description: How many objects of each kind are in the backup.
      returned: success
      type: dict
      sample: {"table": 12, "index": 17, "view": 3}
    snapshot:
      description:
        - The moment that the backup shows, in the server's own terms.
        - For PostgreSQL its C(lsn), for MySQL and MariaDB C(binlog_file), C(binlog_position) and C(gtid).
      returned: not for a planned backup
      type: dict
      sample: {"lsn": "0/1A2B3C4"}
    server:
      description: The server that was backed up.
      returned: success
      type: dict
      sample:
        dbms: postgresql
        version: '16.15'
        host: db1.example.com
        port: 5432
        identifier: '7439812345678901234'
    started_at:
      description: When the backup began, in UTC.
      returned: not for a planned backup
      type: str
      sample: '2026-11-22T12:41:18+00:00'
    finished_at:
      description: When the backup was complete, in UTC.
      returned: not for a planned backup
      type: str
      sample: '2026-11-22T12:41:31+00:00'
    duration:
      description: How long it took, in seconds.
      returned: not for a planned backup
      type: float
      sample: 12.734
    checksums:
      description: The SHA-256 of every file of the backup.
      returned: not for a planned backup
      type: dict
      sample: {"shop.dump": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
    warnings:
      description: What one should know about the backup, which is complete nevertheless.
      returned: not for a planned backup
      type: list
      elements: str
      sample: []
    set:
      description: The set that the backup was made in, empty for a single one.
      returned: not for a planned backup
      type: str
      sample: ''
    engine_version:
      description: The version of the engine that wrote the backup.
      returned: not for a planned backup
      type: str
      sample: 0.1.0
    engine:
      description: Who read the database, V(native) or V(tools).
      returned: not for a planned backup
      type: str
      sample: native
    engine_program:
      description: The program that read it, with its version. Empty for V(native).
      returned: not for a planned backup
      type: str
      sample: pg_dump (PostgreSQL) 16.10
    engine_reason:
      description: Why O(engine=auto) took the vendor's programs, empty where it did not.
      returned: not for a planned backup
      type: str
      sample: ''
    options:
      description: The options that shaped the content.
      returned: not for a planned backup
      type: dict
      sample: {}
set:
  description: The id of the set, which is that of its globals too. Empty if check mode would make a new one.
  returned: success, with O(all_databases)
  type: str
  sample: 20261122T124118Z-globals
consistency:
  description:
    - V(database) where every backup of the set shows its database at a moment of its own, as in PostgreSQL.
    - V(server) where all of them show the same moment.
  returned: success, with O(all_databases)
  type: str
  sample: database
backups:
  description:
    - The backups of the set, that of the globals first. The fields of each are those of RV(backup), without its tables.
    - The globals have an empty C(database).
  returned: success, with O(all_databases)
  type: list
  elements: dict
  sample:
    - id: 20261122T124118Z-globals
      kind: globals
      database: ''
      path: /srv/backups/production/%globals/20261122T124118Z-globals
    - id: 20261122T124118Z-logical
      kind: logical
      database: shop
      path: /srv/backups/production/shop/20261122T124118Z-logical
      snapshot: {"lsn": "0/1A2B3C4"}
warnings:
  description: What one should know about the set, for example which databases were left out.
  returned: success, with O(all_databases)
  type: list
  elements: str
  sample: []
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(connect), V(not_found), V(privilege) or V(out_of_space).
      type: str
      sample: not_found
    message:
      description: What failed and why.
      type: str
      sample: the server has no database 'shop'
    hint:
      description: What to do about it.
      type: str
      sample: check the name; names are case-sensitive here
    context:
      description: Further fields, depending on the kind.
      type: dict
      sample: {"database": "shop"}
debug:
  description: Every statement sent and every decision made, without rows and secrets.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils import drivers
from ..module_utils.backup import BackupResult, backup
from ..module_utils.cluster_backup import ClusterBackupRequest, ClusterBackupResult, backup_cluster
from ..module_utils.copied_backup import CopiedBackup, with_copy
from ..module_utils.module_entry import look_elsewhere_first, run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.backup import backup_request
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec
from ..module_utils.tools.engine import AUTO


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec("backup"),
        mutually_exclusive=[("repository", "dest"), ("database", "all_databases"), ("dest", "all_databases")],
        required_one_of=[("repository", "dest"), ("database", "all_databases")],
        supports_check_mode=True,
    )

    def job(progress: Progress) -> BackupResult | ClusterBackupResult | CopiedBackup:
        request = backup_request(given_to_module("backup", module.params), check=module.check_mode)
        if isinstance(request, ClusterBackupRequest):
            return with_copy(request, backup_cluster(request, progress), progress)
        return with_copy(request, backup(request, progress), progress)

    if module.params["engine"] == AUTO:
        driver = drivers.psycopg if module.params["dbms"] == "postgresql" else drivers.pymysql
        look_elsewhere_first(module, respawn, driver)
    run_module(module, respawn, job, name="backup")


if __name__ == "__main__":
    main()
