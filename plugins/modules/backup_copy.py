#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_copy
short_description: Copy a finished backup into a second repository
version_added: 0.1.0
description:
  - Copies one backup, or a whole set, from one repository into another, in either of which may be a folder on the host
    or object storage.
  - Each file is compared with its checksum while it is read, and read again from where it was stored. Only then is the
    manifest stored, and the copy counts. A copy that is there already is left alone.
  - Files are copied as they are stored, so an encrypted backup needs no identity.
  - No database is needed.
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
      - The backup's id, or V(latest) for the newest good one. The id of a server's globals means their whole set.
    type: str
    default: latest
  copy_to:
    description:
      - The second repository, written as O(repository) is.
      - It takes the same credentials, or has a C(profile) of its own in its URL.
      - Required.
    type: path
  verify_key:
    description:
      - A file on the host with a public Ed25519 key in PEM form. Only a backup is copied whose manifest was signed with
        the private key that belongs to it, see O(dbfleet.backup.native_backup#module:sign_key).
      - Needs the Python package C(cryptography).
    type: path
seealso:
  - module: dbfleet.backup.native_backup
  - module: dbfleet.backup.backup_prune
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Copy the newest backup of the shop off the site
  dbfleet.backup.backup_copy:
    repository: /var/backups/databases
    database: shop
    copy_to: s3://offsite/fleet?endpoint=https://storage.example.com
    s3_access_key: "{{ offsite_access_key }}"
    s3_secret_key: "{{ offsite_secret_key }}"

- name: Fetch one backup back
  dbfleet.backup.backup_copy:
    repository: s3://offsite/fleet?endpoint=https://storage.example.com
    cluster: production
    database: shop
    backup: 20261122T030000Z-logical
    copy_to: /var/backups/databases
"""

RETURN = r"""
copies:
  description: What was copied, or would be. The globals of a set come last.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
      sample: 20261122T030000Z-logical
    cluster:
      description: The name of its server in the repository.
      type: str
      sample: production
    database:
      description: Its database, empty for globals and physical backups.
      type: str
      sample: shop
    size:
      description: How many bytes are stored.
      type: int
      sample: 48151623
    path:
      description: Where the backup is.
      type: str
      sample: /var/backups/databases/production/shop/20261122T030000Z-logical
    copied_to:
      description: Where its copy is.
      type: str
      sample: s3://offsite/fleet/production/shop/20261122T030000Z-logical
    changed:
      description: Whether the copy is a new one.
      type: bool
      sample: true
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

from ..module_utils.copies import CopyResult, copy
from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.requests.copies import copy_request
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec("copy"), supports_check_mode=True)

    def job(progress: Progress) -> CopyResult:
        return copy(copy_request(given_to_module("copy", module.params), check=module.check_mode), progress)

    run_module(module, respawn, job, name="copy")


if __name__ == "__main__":
    main()
