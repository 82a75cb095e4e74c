#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Verify backups, up to restoring them
version_added: 0.1.0
description:
  - Verifies one backup, or of a repository the newest of every database, or all.
  - The levels are checksums (every file is read), structure (everything in it is read as a restore reads it, rows
    and digests are compared), and a restore drill, which restores into a scratch database, compares the inventory and
    every row, asks the queries that are given, and drops the database.
  - The verdict is kept beside a backup of a repository and shown by M(dbfleet.backup.backup_info). A backup that failed
    is never taken for the V(latest), nor for one that O(dbfleet.backup.native_backup#module:max_age) is content with,
    and takes no place of a rule of M(dbfleet.backup.backup_prune). It is good again once it passes that level or a
    deeper one.
  - The task fails if one of the backups did. All of them are looked at before.
  - What could not be verified, because of a server that cannot be reached or has no room for example, fails the task at
    once and says nothing of the backup.
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.postgresql
  - dbfleet.backup.mysql
  - dbfleet.backup.repository
  - dbfleet.backup.identity
  - dbfleet.backup.attributes
  - dbfleet.backup.attributes.info
options:
  dbms:
    description:
      - The kind of server that a restore drill connects to.
      - Needed with O(level=restore), and for a backup of MySQL or MariaDB that has no manifest.
    required: false
  source:
    description:
      - The file or folder of one backup, instead of a repository. It may be any archive of C(pg_dump).
      - Exactly one of O(repository) and O(source) is needed.
    type: path
  database:
    description:
      - Only the backups of this database.
    type: str
  backup:
    description:
      - The id of one backup, V(latest) for the newest whole backup of every database in question, or V(all).
    type: str
    default: latest
  level:
    description:
      - V(checksums) reads every file and compares it with the manifest.
      - V(structure) reads everything in it too, and compares rows and digests of every table.
      - V(restore) restores it into a database whose name begins with C(dbfleet_drill_) on the server that the
        connection options name, compares everything and drops it. Subscriptions and events are left out, because they
        would begin to work. Roles have to be there, see O(no_owner) and O(no_privileges).
    type: str
    choices: [checksums, structure, restore]
    default: structure
  queries:
    description:
      - Queries for a restore drill. Each must give one row with one true value, for example
        C(SELECT count(*) > 1000 FROM orders).
    type: list
    elements: str
  own_server:
    description:
      - Start a server for a restore drill from the programs on the host, of the backup's version or later, on a private
        socket in a private folder. It is stopped and removed after each backup.
      - No connection option is needed then, nor O(dbms). PostgreSQL's roles that the backup names are made there.
      - A physical backup of PostgreSQL is drilled in this way only, by the programs of its own version. It is restored
        with those it builds on and recovered until it is consistent, and O(queries) are not asked of it.
      - As root, the server runs as the account C(postgres) or C(mysql) if there is one, else as C(nobody).
    type: bool
  server_programs:
    description:
      - The folder of the programs for O(own_server), where they are not in the usual places. PostgreSQL needs
        C(postgres) and C(initdb), MariaDB C(mariadbd) and C(mariadb-install-db), MySQL C(mysqld).
    type: path
  scratch_folder:
    description:
      - Where the data of O(own_server) goes, C(/var/tmp) by default. It needs the room that the database needs.
    type: path
  no_owner:
    description:
      - PostgreSQL only. What a drill restores belongs to the user.
    type: bool
  no_privileges:
    description:
      - PostgreSQL only. A drill restores no privileges.
    type: bool
  no_record:
    description:
      - Do not keep the verdict beside the backup.
    type: bool
  jobs:
    description:
      - How many processes or connections share the work of a restore drill.
    type: int
    default: 1
seealso:
  - module: dbfleet.backup.backup_info
  - module: dbfleet.backup.backup_prune
  - module: dbfleet.backup.native_restore
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Read the newest backup of every database
  dbfleet.backup.backup_verify:
    repository: /var/backups/databases

- name: Prove that every database can be restored, on servers started for it
  dbfleet.backup.backup_verify:
    repository: /var/backups/databases
    level: restore
    own_server: true

- name: Prove that the shop can be restored, and holds what it must
  dbfleet.backup.backup_verify:
    repository: /var/backups/databases
    database: shop
    level: restore
    dbms: postgresql
    login_host: scratch.example.com
    login_user: drill
    login_password: "{{ drill_password }}"
    no_owner: true
    no_privileges: true
    queries:
      - SELECT count(*) > 1000 FROM orders
      - SELECT max(created_at) > now() - interval '2 days' FROM orders
"""

RETURN = r"""
verifications:
  description: The verdicts. In check mode, what would be verified.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
      sample: 20261122T030000Z-logical
    cluster:
      description: The name of the server in the repository.
      type: str
      sample: production
    database:
      description: The database; empty for globals and physical backups.
      type: str
      sample: shop
    path:
      description: Where it is.
      type: str
      sample: /var/backups/databases/production/shop/20261122T030000Z-logical
    level:
      description: What was done. Globals cannot be restored to try; their structure is verified.
      type: str
      sample: restore
    passed:
      description: Whether the backup is what it must be. Not in check mode.
      type: bool
      sample: true
    findings:
      description: What is wrong. Not in check mode.
      type: list
      elements: str
      sample: []
    verified_at:
      description: When it was done, in UTC. Not in check mode.
      type: str
      sample: '2026-11-22T04:00:00+00:00'
    duration:
      description: How long it took, in seconds. Not in check mode.
      type: float
      sample: 12.734
    engine_version:
      description: The version of the engine. Not in check mode.
      type: str
      sample: 0.1.0
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure. With V(verification), backups are bad.
      type: str
      sample: verification
    message:
      description: What failed and why.
      type: str
      sample: >-
        1 of 12 backups failed their verification: /srv/backups/production/shop/20261122T030000Z-logical: the file
        shop.dump is not what was backed up
    hint:
      description: What to do about it.
      type: str
      sample: do not rely on them; make new backups, and find out what damaged these
    context:
      description: Further fields. With the kind V(verification), C(verifications) holds all verdicts.
      type: dict
      sample: {"verifications": []}
debug:
  description: Every decision made.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec
from ..module_utils.requests.verify import verify_request
from ..module_utils.verify import VerifyResult, verify


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec("verify"),
        mutually_exclusive=[("repository", "source")],
        required_one_of=[("repository", "source")],
        supports_check_mode=True,
    )

    def job(progress: Progress) -> VerifyResult:
        return verify(verify_request(given_to_module("verify", module.params), check=module.check_mode), progress)

    run_module(module, respawn, job, name="verify")


if __name__ == "__main__":
    main()
