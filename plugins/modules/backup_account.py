#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_account
short_description: Manage a database account that may do what a backup needs and nothing else
version_added: 0.1.0
description:
  - Creates an account on a PostgreSQL, MySQL or MariaDB server with exactly the privileges that
    M(dbfleet.backup.native_backup) needs there, which differ between the servers' versions. What it has beyond them is
    revoked.
  - On PostgreSQL 14 and later the account becomes a member of C(pg_read_all_data). Before, every schema, table and
    sequence is granted in each database, together with what the present owners will create; run the module again when
    there are new owners or databases.
  - On MySQL and MariaDB it gets C(SELECT), C(SHOW VIEW), C(TRIGGER), C(EVENT) and C(LOCK TABLES) on the databases,
    what shows the text of routines, and on MySQL C(REPLICATION CLIENT) to know the position of the binlog.
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.mysql
  - dbfleet.backup.postgresql
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: full
  idempotent:
    description: Running it again changes nothing.
    support: partial
    details:
      - The password of an account of MySQL or MariaDB is compared by logging in. One that may not log in from where the
        module runs gets it set each time, unless O(update_password=on_create).
options:
  name:
    description:
      - The account's name.
    type: str
    required: true
  host:
    description:
      - From where the account may connect, as MySQL and MariaDB match it, for example V(%) or V(10.0.0.%). It is part
        of the account. The default is V(localhost).
      - MySQL and MariaDB only.
    type: str
  password:
    description:
      - The account's password. It is needed to create an account.
      - PostgreSQL is sent a verifier made of it, never the password itself.
    type: str
  update_password:
    description:
      - V(always) sets O(password) of an account that has another, V(on_create) only of a new one.
    type: str
    choices: [always, on_create]
    default: always
  state:
    description:
      - Whether there is an account. One of PostgreSQL that owns objects is not removed.
    type: str
    choices: [present, absent]
    default: present
  databases:
    description:
      - The databases that it may back up. Without them it may back up all, later ones too.
      - On PostgreSQL 14 and later these are those that it may connect to beyond what everybody may.
    type: list
    elements: str
  purposes:
    description:
      - What else the account is for.
      - V(globals) is for backups of whole servers, with their accounts and the verifiers of their passwords. On
        PostgreSQL 14 and later, and without O(databases) on MySQL and MariaDB, it adds nothing.
      - V(replication) is for archiving binlogs or WAL and for physical backups.
      - V(replica_status) is for jobs that ask a MariaDB server whether it is a replica. MySQL and MariaDB only.
    type: list
    elements: str
  row_security:
    description:
      - With V(bypass), which is the default, no policy hides rows from the account; who creates it must be a superuser.
        With V(apply) backups of tables with policies fail.
      - PostgreSQL only.
    type: str
    choices: [bypass, apply]
notes:
  - Large objects of PostgreSQL are readable by their owners and superusers only, unless each of them is granted. A
    database that has some needs another account.
seealso:
  - module: dbfleet.backup.native_backup
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Create the account that backs up a PostgreSQL server
  dbfleet.backup.backup_account:
    dbms: postgresql
    login_unix_socket: /var/run/postgresql
    name: dbfleet
    password: "{{ vault_dbfleet_password }}"
  become: true
  become_user: postgres

- name: Create the account that backs up one database of MariaDB and archives binlogs
  dbfleet.backup.backup_account:
    dbms: mariadb
    login_unix_socket: /run/mysqld/mysqld.sock
    login_user: root
    name: dbfleet
    host: localhost
    password: "{{ vault_dbfleet_password }}"
    databases: [shop]
    purposes: [replication]

- name: Remove it
  dbfleet.backup.backup_account:
    dbms: mysql
    option_file: /root/.my.cnf
    name: dbfleet
    state: absent
"""

RETURN = r"""
account:
  description: The account's name as the server writes it.
  returned: success
  type: str
  sample: "'dbfleet'@'localhost'"
statements:
  description: What was run, in check mode would be, with passwords hidden.
  returned: success
  type: list
  elements: str
  sample: ["GRANT BINLOG MONITOR ON *.* TO 'dbfleet'@'localhost'"]
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(privilege) or V(usage).
      type: str
      sample: usage
    message:
      description: What failed and why.
      type: str
      sample: the account dbfleet is not there and no password is given
    hint:
      description: What to do about it.
      type: str
      sample: give it a password
    context:
      description: Further fields, depending on the kind.
      type: dict
      sample: {}
debug:
  description: Every statement sent and every decision made, without secrets.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.backup_account import AccountResult, manage_account
from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.account import account_request
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec("account"), supports_check_mode=True)

    def job(_progress: Progress) -> AccountResult:
        return manage_account(account_request(given_to_module("account", module.params), check=module.check_mode))

    run_module(module, respawn, job)


if __name__ == "__main__":
    main()
