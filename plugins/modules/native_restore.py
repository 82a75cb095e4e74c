#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: native_restore
short_description: Restore a PostgreSQL, MySQL or MariaDB database without its client programs
version_added: 0.1.0
description:
  - Restores one backup into one database, which may have another name than the one that was backed up.
  - The backup is read and checked as a whole before anything of the target is touched, against its manifest where it
    has one. A damaged backup changes nothing.
  - A target that holds objects is refused unless O(clean) or O(force) says what to do with them.
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.postgresql
  - dbfleet.backup.postgresql_restore
  - dbfleet.backup.postgresql_restore_run
  - dbfleet.backup.mysql
  - dbfleet.backup.mysql_restore
  - dbfleet.backup.mysql_selection
  - dbfleet.backup.repository
  - dbfleet.backup.engine
  - dbfleet.backup.identity
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details:
      - Verifies the whole backup, connects and checks that the restore can begin.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: full
  idempotent:
    description: Running it again changes nothing.
    support: none
    details:
      - A second run finds a target that is not empty and fails, unless O(clean) or O(force) is set.
options:
  database:
    description:
      - The database to restore into.
      - Exactly one of O(database), O(all_databases), O(globals_only) and O(file) is needed.
    type: str
  all_databases:
    description:
      - Restore a set that was made with O(dbfleet.backup.native_backup#module:all_databases), the newest one or the one
        named with O(backup).
      - The globals come first, as with O(globals_only), then every database. None of the databases may exist, but
        C(postgres) and C(template1), which every server has; these must be empty unless O(force) is set.
      - With O(source), run a script of C(pg_dumpall), or of C(pg_dump --create), as it is. The databases that it fills
        must not exist or be empty. Roles that exist and that the script would alter are an error unless O(force) is
        set. There is no transaction; what was done before an error remains.
      - With O(source), MySQL and MariaDB, restore all databases of a script or folder of several but the servers' own,
        each into a new database of its name.
    type: bool
  globals_only:
    description:
      - Restore the roles, their memberships and settings, the privileges on parameters and the tablespaces of a set, or
        of a script of C(pg_dumpall --globals-only) named with O(source).
      - What is missing is made. Roles and tablespaces that exist stay as they are, and the result says in what they
        differ, unless O(force) is set.
      - All but the tablespaces is done in one transaction.
      - For MySQL and MariaDB it is accounts and roles with their grants, and what else
        O(dbfleet.backup.native_backup#module:system) named. There is no transaction. What is granted on
        tables and routines comes last, after the databases of O(all_databases). Grants that the server refuses are
        listed when all others were done, and fail the task.
    type: bool
  source:
    description:
      - The backup's file or folder, instead of a repository.
      - Exactly one of O(repository) and O(source) is needed.
    type: path
  backup:
    description:
      - Which backup of the repository to restore, by its id, or V(latest), the newest one of a whole database.
    type: str
    default: latest
  source_database:
    description:
      - The name of the database that was backed up.
      - Needed where the repository holds backups of several databases, and where O(source) is a script (for MySQL and
        MariaDB also a folder) of several, of which this one is restored.
    type: str
  create:
    description:
      - Create the target database, which must not exist.
      - At most one of O(create), O(clean) and O(force) can be set.
    type: bool
    default: false
  clean:
    description:
      - Drop the objects of the backup that exist in the target before they are restored.
    type: bool
    default: false
  force:
    description:
      - Restore into a target that is not empty, leaving what is there as it is.
    type: bool
    default: false
  jobs:
    description:
      - How many processes share the work, where the format allows it.
      - A restore by several processes is not one transaction. With O(create) a failure leaves nothing all the same;
        without it, what was done before remains in the target, and the error says what that is.
    type: int
    default: 1
  on_error:
    description:
      - Whether to stop at the first error, which is the default, or to continue and restore what can be restored.
      - After errors the task fails in either case. With V(continue) the error's context has C(failures), every item
        that failed with its statement and the server's message, and everything else is in the target.
    type: str
    choices: [stop, continue]
  verify:
    description:
      - Read the restored tables again in the end and compare them with the backup. With V(rows), their number of rows;
        with V(digest), every byte of their rows with the digest in the manifest or, where there is none, with the
        archive. A difference fails the restore.
      - V(none), the default, relies on the number of rows that the server says it took of each table.
      - For scripts of PostgreSQL there is V(none) only where they have no manifest. For MySQL and MariaDB V(digest)
        needs a manifest.
    type: str
    choices: [none, rows, digest]
  analyze:
    description:
      - Gather statistics for the optimizer (C(ANALYZE)) in the end.
      - PostgreSQL only.
    type: bool
  resume:
    description:
      - Record what is done, and go on where an earlier run of the same restore was interrupted, whether by an error, a
        signal or a failure of the host or the server. Give it from the first run on.
      - The restore is the same if backup, target and what is selected are the same. A table that was not finished
        starts over.
      - What is recorded goes into a small file in O(state_folder), which is removed in the end. With O(create) the
        unfinished database waits under a name that begins with C(dbfleet_resumable_).
      - For PostgreSQL it does not go with O(clean), O(single_transaction) and scripts.
      - For MySQL and MariaDB the unfinished database stays under its name. It does not go with O(clean), O(force),
        O(duplicates) and O(on_error=continue). Of a script, what comes behind the last table that was done starts over;
        of a folder, files whose rows are in stay.
    type: bool
  state_folder:
    description:
      - Where O(resume) records what is done, by default C(dbfleet) in C(XDG_STATE_HOME), in C(/var/lib) for root, or in
        C(~/.local/state).
    type: path
  show_data_in_errors:
    description:
      - Let errors quote row values as the server does. Without it they are left out of messages, results and logs.
    type: bool
seealso:
  - module: dbfleet.backup.native_backup
  - module: dbfleet.backup.backup_info
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Restore the newest backup of the shop into a new database beside it
  dbfleet.backup.native_restore:
    dbms: postgresql
    login_unix_socket: /run/postgresql
    repository: /var/backups/databases
    source_database: shop
    database: shop_restored
    create: true
  become: true
  become_user: postgres

- name: Find out whether a certain backup could be restored, without changing anything
  dbfleet.backup.native_restore:
    dbms: mariadb
    option_file: /root/.my.cnf
    repository: /var/backups/databases
    source_database: forum
    backup: 20261122T124118Z-logical
    database: forum
    clean: true
  check_mode: true
  diff: true

- name: Restore a file that pg_dump has written into an empty database
  dbfleet.backup.native_restore:
    dbms: postgresql
    login_host: db2.example.com
    login_user: admin
    login_password: "{{ vault_admin_password }}"
    ssl_mode: verify-full
    ca_cert: /etc/ssl/certs/example-ca.pem
    source: /srv/transfer/shop.dump
    database: shop

- name: Bring a whole server back on a new one
  dbfleet.backup.native_restore:
    dbms: postgresql
    login_unix_socket: /run/postgresql
    repository: /var/backups/databases
    cluster: db1-5432
    all_databases: true
    force: true
  become: true
  become_user: postgres
"""

RETURN = r"""
restore:
  description:
    - What was restored, or in check mode would be.
    - For O(all_databases) and O(globals_only) it has C(set), C(globals) and C(databases) in place of what concerns one
      database.
    - For a script that makes its own databases it has C(databases), C(objects) and C(altered_roles).
  returned: success
  type: dict
  contains:
    file:
      description: The script that was written, or in check mode would be.
      returned: success, with O(file)
      type: str
      sample: /srv/transfer/shop.sql
    altered_roles:
      description: Roles that existed and that the script made what it says, which needs O(force).
      returned: success, with O(all_databases) and O(source)
      type: list
      elements: str
      sample: []
    source:
      description: The backup that was read.
      returned: success
      type: str
      sample: /srv/backups/production/shop/20261122T124118Z-logical
    database:
      description: The database that was restored into.
      returned: success
      type: str
      sample: shop_restored
    server:
      description: The server that was restored into.
      returned: success
      type: dict
      sample:
        dbms: postgresql
        version: '16.15'
        host: /run/postgresql
        port: 5432
        identifier: '7439812345678901234'
    created:
      description: Whether the database was created.
      returned: success
      type: bool
      sample: true
    roles:
      description: The roles that were made before, with O(create_roles).
      returned: success
      type: list
      elements: str
      sample: []
    dropped:
      description: The objects that were dropped first.
      returned: success
      type: list
      elements: str
      sample: []
    skipped:
      description: What was passed over because it existed, with O(skip_existing).
      returned: success
      type: list
      elements: str
      sample: []
    checks:
      description:
        - What was found when the restored database was looked at. C(sequences) is how many have the position of the
          backup, C(compared) how many tables were compared by their content and by their number of rows.
      returned: success
      type: dict
      sample: {"sequences": 4, "invalid_indexes": [], "unvalidated_constraints": []}
    objects:
      description: How many objects of each kind were restored.
      returned: success
      type: dict
      sample: {"table": 12, "index": 17, "view": 3}
    tables:
      description: Every table whose data was loaded. Only names in check mode.
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
          description: The number of rows loaded.
          type: int
          sample: 200000
    rows:
      description: The number of rows of all tables, 0 in check mode.
      returned: success
      type: int
      sample: 421337
    duration:
      description: How long the restore took after everything had been checked, in seconds.
      returned: success
      type: float
      sample: 8.125
    verified:
      description: What the backup was checked against before anything was changed.
      returned: success
      type: str
      sample: checksums and structure
    engine:
      description: Who wrote the database, V(native) or V(tools).
      returned: success, with O(database)
      type: str
      sample: native
    engine_reason:
      description: Why O(engine=auto) took the vendor's programs, empty where it did not.
      returned: success, with O(database)
      type: str
      sample: ''
    warnings:
      description: What one should know about the restore, which is complete nevertheless.
      returned: success
      type: list
      elements: str
      sample: []
    backup:
      description:
        - The backup that was restored, without its list of tables.
        - See RV(dbfleet.backup.native_backup#module:backup).
      returned: where the backup has a manifest
      type: dict
      sample: {"id": "20261122T124118Z-logical", "database": "shop", "rows": 421337}
    set:
      description: The set that was restored.
      returned: success, with O(all_databases) or O(globals_only)
      type: str
      sample: 20261122T124118Z-globals
    globals:
      description: What became of the globals, or in check mode would become.
      returned: success, with O(all_databases) or O(globals_only)
      type: dict
      contains:
        created:
          description: Roles and tablespaces that were missing.
          type: list
          elements: str
          sample: ["role 'shop'"]
        altered:
          description: With O(force), what was altered of roles and tablespaces that existed. Values are not shown.
          type: dict
          sample: {}
        differing:
          description: In what existing roles and tablespaces differ from the backup and were left as they are.
          type: dict
          sample: {"role 'postgres'": ["PASSWORD"]}
        equal:
          description: How many things the server had already as they are in the backup.
          type: int
          sample: 12
    databases:
      description: The databases that were restored, or in check mode would be, in this order.
      returned: success, with O(all_databases) or O(globals_only)
      type: list
      elements: dict
      sample:
        - database: shop
          created: true
          table_count: 12
          rows: 421337
          duration: 12.734
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(corrupt), V(target_not_empty), V(connect) or V(restore).
      type: str
      sample: target_not_empty
    message:
      description: What failed and why.
      type: str
      sample: the database 'shop' is not empty
    hint:
      description: What to do about it.
      type: str
      sample: restore into a new database with create, or use clean or force
    context:
      description:
        - Further fields, depending on the kind.
        - For a restore that stopped in the middle, C(done), C(failed) and C(not_begun) name what was and was not done.
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
from ..module_utils.cluster_restore import ClusterRestoreRequest, restore_cluster
from ..module_utils.cluster_script import ClusterScriptRequest, restore_cluster_script
from ..module_utils.errors import UsageError
from ..module_utils.module_entry import look_elsewhere_first, run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec
from ..module_utils.requests.restore import restore_request
from ..module_utils.restore import RestoreResult, restore
from ..module_utils.restore_script import STANDARD_OUTPUT, RestoreScriptRequest, restore_to_script
from ..module_utils.tools.engine import AUTO


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec("restore"),
        mutually_exclusive=[("repository", "source"), ("database", "all_databases", "globals_only", "file")],
        required_one_of=[("repository", "source"), ("database", "all_databases", "globals_only", "file")],
        supports_check_mode=True,
    )

    def job(progress: Progress) -> RestoreResult:
        request = restore_request(given_to_module("restore", module.params), check=module.check_mode)
        if isinstance(request, ClusterScriptRequest):
            return restore_cluster_script(request, progress)
        if isinstance(request, RestoreScriptRequest):
            if request.file == STANDARD_OUTPUT:
                raise UsageError("a module has no standard output for a script", hint="name a file")
            return restore_to_script(request, progress)
        if isinstance(request, ClusterRestoreRequest):
            return restore_cluster(request, progress)
        return restore(request, progress)

    if module.params["engine"] == AUTO:
        driver = drivers.psycopg if module.params["dbms"] == "postgresql" else drivers.pymysql
        look_elsewhere_first(module, respawn, driver)
    run_module(module, respawn, job, name="restore")


if __name__ == "__main__":
    main()
