#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_hold
short_description: Keep one backup whatever retention says, or release it
version_added: 0.1.0
description:
  - Puts a mark beside a backup of a repository. M(dbfleet.backup.backup_prune) does not remove it while the mark holds.
  - The backup itself is not touched.
extends_documentation_fragment:
  - dbfleet.backup.repository
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
    support: full
options:
  database:
    description:
      - The database, where the repository holds several.
    type: str
  backup:
    description:
      - The backup's id, that of its set, or V(latest).
    type: str
    default: latest
  state:
    description:
      - V(held) to keep it, V(released) to leave it to retention again.
    type: str
    choices: [held, released]
    default: held
  until:
    description:
      - Hold it until then, a date (whose day it is still held, in UTC) or a time with its zone. Without it, the backup
        is on hold until it is released.
    type: str
  reason:
    description:
      - Why, for the one who wonders later. Everybody who can read the repository can read it.
    type: str
seealso:
  - module: dbfleet.backup.backup_prune
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Keep the backup from before the migration
  dbfleet.backup.backup_hold:
    repository: /var/backups/databases
    database: shop
    backup: 20261122T030000Z-logical
    until: '2027-03-31'
    reason: before the migration to 18

- name: Leave it to retention again
  dbfleet.backup.backup_hold:
    repository: /var/backups/databases
    database: shop
    backup: 20261122T030000Z-logical
    state: released
"""

RETURN = r"""
backup:
  description: The backup and its mark.
  returned: success
  type: dict
  contains:
    id:
      description: The backup's id.
      type: str
      sample: 20261122T030000Z-logical
    path:
      description: Where it is.
      type: str
      sample: /var/backups/databases/production/shop/20261122T030000Z-logical
    hold:
      description: The mark, or nothing. It has C(until) (in UTC, or empty), C(reason) and C(set_at).
      type: dict
      sample:
        until: '2027-04-01T00:00:00+00:00'
        reason: before the migration to 18
        set_at: '2026-11-22T12:41:18+00:00'
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(not_found) or V(usage).
      type: str
      sample: not_found
    message:
      description: What failed and why.
      type: str
      sample: the repository /var/backups/databases holds no backup '20261122T030000Z-logical' of database 'shop'
    hint:
      description: What to do about it.
      type: str
      sample: "list what is there: dbfleet info /var/backups/databases"
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

from ..module_utils.hold import HoldResult, hold
from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec
from ..module_utils.requests.prune import hold_request


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec("hold"), supports_check_mode=True)

    def job(_progress: Progress) -> HoldResult:
        return hold(hold_request(given_to_module("hold", module.params), check=module.check_mode))

    run_module(module, respawn, job)


if __name__ == "__main__":
    main()
