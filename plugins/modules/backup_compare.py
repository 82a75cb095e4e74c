#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_compare
short_description: Compare a database with a backup, or with another database
version_added: 0.1.0
description:
  - Compares the objects and their definitions, and the rows of every table.
  - In which order rows lie, or come, does not matter. Both sides are read in one snapshot each.
  - Of a table that differs and has a primary key, the keys of the rows that differ are returned. They are data.
  - Nothing is changed, and databases that differ do not fail the task. Look at RV(equal).
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.postgresql
  - dbfleet.backup.mysql
  - dbfleet.backup.repository
  - dbfleet.backup.identity
  - dbfleet.backup.attributes
  - dbfleet.backup.attributes.info
options:
  database:
    description:
      - The database.
    type: str
    required: true
  source:
    description:
      - The file or folder of a backup to compare it with. For PostgreSQL it may be any archive of C(pg_dump), for MySQL
        and MariaDB it is a backup with its manifest.
      - Exactly one of O(repository), O(source), O(other_database) and O(with_tools) is needed.
    type: path
  backup:
    description:
      - The backup's id, or V(latest).
    type: str
    default: latest
  source_database:
    description:
      - The database's name in the repository, where it is called otherwise.
    type: str
  other_database:
    description:
      - Another database to compare it with, on the same server unless the other options say otherwise.
    type: str
  other_host:
    description:
      - The name or address of its server.
    type: str
  other_port:
    description:
      - The port of that server.
    type: int
  other_unix_socket:
    description:
      - The socket of that server, for PostgreSQL the folder that it is in.
    type: path
  other_user:
    description:
      - The user to connect as there.
    type: str
  other_password:
    description:
      - The password of that user.
    type: str
  with_tools:
    description:
      - Compare what the collection's own engine writes of the database with what the vendor's programs write of it,
        C(pg_dump), C(mysqldump) or C(mariadb-dump), to see that they are the same.
      - Both are written into O(scratch_folder), and removed. For PostgreSQL they show the same snapshot. For MySQL and
        MariaDB the second is read after the first, so others must not write meanwhile.
    type: bool
  tools_path:
    description:
      - With O(with_tools), the folder of the vendor's programs. By default they are looked for in C(PATH) and where
        packages put them.
    type: path
  scratch_folder:
    description:
      - With O(with_tools), a folder with room for two backups, by default C(/var/tmp).
    type: path
  schema_only:
    description:
      - Compare the objects, not the rows.
    type: bool
seealso:
  - module: dbfleet.backup.backup_verify
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Compare the restored database with the backup
  dbfleet.backup.backup_compare:
    dbms: postgresql
    database: shop_restored
    repository: /var/backups/databases
    source_database: shop
  register: comparison

- name: Fail if they differ
  ansible.builtin.assert:
    that: comparison.equal

- name: See that the engine writes what pg_dump writes
  dbfleet.backup.backup_compare:
    dbms: postgresql
    database: shop
    with_tools: true
  register: engines

- name: Compare a database with the one that it was moved to
  dbfleet.backup.backup_compare:
    dbms: mariadb
    login_user: reader
    login_password: "{{ reader_password }}"
    database: shop
    other_host: new.example.com
    other_database: shop
"""

RETURN = r"""
equal:
  description: Whether nothing differs, and everything could be compared.
  returned: success
  type: bool
  sample: false
first:
  description: What the database was compared with.
  returned: success
  type: str
  sample: /var/backups/databases/production/shop/20261122T030000Z-logical/shop.dump
second:
  description: The database.
  returned: success
  type: str
  sample: database shop at db1:5432
objects:
  description: Objects that differ, each with its C(kind), C(schema) and C(name).
  returned: success
  type: dict
  contains:
    only_first:
      description: Those that only the first side has.
      type: list
      elements: dict
      sample: []
    only_second:
      description: Those that only the database has.
      type: list
      elements: dict
      sample: [{"kind": "TABLE", "schema": "public", "name": "more"}]
    different:
      description: Those that are defined differently.
      type: list
      elements: dict
      sample: []
tables:
  description: The tables whose rows differ.
  returned: success
  type: list
  elements: dict
  contains:
    schema:
      description: The schema; empty for MySQL and MariaDB.
      type: str
      sample: public
    name:
      description: The table's name.
      type: str
      sample: orders
    first_rows:
      description: How many rows the first side has.
      type: int
      sample: 1000
    second_rows:
      description: How many rows the database has.
      type: int
      sample: 1001
    key:
      description: The columns of the primary key.
      type: list
      elements: str
      sample: [id]
    differences:
      description:
        - Which rows differ, nothing for a table without a key.
        - It has the numbers of keys C(only_first), C(only_second) and C(changed), the first of their C(ranges), and
          says whether it is C(complete).
      type: dict
      sample:
        only_first: 0
        only_second: 1
        changed: 4
        ranges: [["5", "5"], ["7", "9"]]
        complete: true
compared_tables:
  description: How many tables were compared by their content.
  returned: success
  type: int
  sample: 12
uncompared_tables:
  description: Tables whose content could not be compared, and why.
  returned: success
  type: list
  elements: str
  sample: []
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(connect) or V(corrupt).
      type: str
      sample: connect
    message:
      description: What failed and why.
      type: str
      sample: cannot connect to the server at new.example.com:3306
    hint:
      description: What to do about it.
      type: str
      sample: ''
    context:
      description: Further fields, depending on the kind.
      type: dict
      sample: {}
debug:
  description: Every decision made.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.compare import CompareResult, compare
from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.compare import compare_request
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec("compare"),
        mutually_exclusive=[("repository", "source", "other_database", "with_tools")],
        required_one_of=[("repository", "source", "other_database", "with_tools")],
        supports_check_mode=True,
    )

    def job(progress: Progress) -> CompareResult:
        return compare(compare_request(given_to_module("compare", module.params)), progress)

    run_module(module, respawn, job, name="compare")


if __name__ == "__main__":
    main()
