#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_engine
short_description: Install the dbfleet command and the drivers on a host
version_added: 0.1.0
description:
  - Installs what scheduled backups need, which is the engine of this collection, the database drivers and the command
    C(dbfleet). The engine is what Ansible sends with this module, so there is no further transfer.
  - Every version has a folder of its own with a virtual environment. It is made beside the others, tried, and then
    switched to in one step; the version before stays for O(state=rolled_back).
  - The drivers are the very files that were chosen for this version of the collection, compared by SHA-256. They need
    no compiler.
  - The role P(dbfleet.backup.install#role) does this together with the system user and the folders.
extends_documentation_fragment:
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details:
      - Drivers are not fetched in check mode, so it does not tell whether an index can be reached.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: full
  idempotent:
    description: Running it again changes nothing.
    support: full
    details:
      - A version of which a file was altered is made again.
options:
  state:
    description:
      - V(present) installs the version of this collection and switches to it, be it newer or older than what is there.
      - V(rolled_back) switches to the version that was used before that of this collection, without a network.
      - V(absent) removes all versions and the command.
    type: str
    choices: [present, rolled_back, absent]
    default: present
  root:
    description:
      - The folder of the versions. C(current) in it leads to the one in use, C(venv) to its virtual environment, where
        the modules of this collection look for drivers.
    type: path
    default: /opt/dbfleet
  command:
    description:
      - The link by which the command is found. An empty text makes none; the command is
        C(current/bin/dbfleet) in O(root) then.
    type: path
    default: /usr/local/bin/dbfleet
  components:
    description:
      - What there shall be drivers for.
      - V(postgresql) and V(mysql) (MariaDB too) are the database systems.
      - V(encryption) is for encrypted repositories and signatures, V(s3) for repositories in object storage.
      - V(zstd) and V(lz4) are compressions, V(isal) makes gzip and V(numpy) makes rows of MySQL and MariaDB faster.
      - V(rich) draws progress at a terminal.
    type: list
    elements: str
    choices: [postgresql, mysql, encryption, zstd, lz4, isal, numpy, s3, rich]
    default: [postgresql, mysql, encryption, zstd, lz4, isal, numpy]
  drivers_from:
    description:
      - V(index) has C(pip) fetch them, as the host's settings or O(index_url) say.
      - V(bundle) takes them out of O(bundle) and needs neither network nor C(pip).
      - V(distribution) uses the packages of the distribution, which must be installed and new enough.
    type: str
    choices: [index, bundle, distribution]
    default: index
  bundle:
    description:
      - The bundle on the host, a tar file or a folder.
      - With O(drivers_from=bundle).
    type: path
  index_url:
    description:
      - The index to fetch the drivers from, instead of what the settings of C(pip) say. It may hold a password.
    type: str
  python:
    description:
      - The Python that shall run the command, version 3.9 or later. By default it is the one that runs the module.
    type: path
  keep:
    description:
      - How many versions stay, that in use included.
    type: int
    default: 3
requirements:
  - Python 3.9 or later on the host, with its C(venv) module
  - C(pip), or what C(python -m venv) needs to make one, with O(drivers_from=index)
seealso:
  - module: dbfleet.backup.native_backup
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Install the command with the drivers for PostgreSQL
  dbfleet.backup.backup_engine:
    components: [postgresql, encryption, zstd]

- name: Install it on a host without a network
  dbfleet.backup.backup_engine:
    drivers_from: bundle
    bundle: /var/tmp/dbfleet-bundle-0.1.0.tar

- name: Go back to the version before
  dbfleet.backup.backup_engine:
    state: rolled_back

- name: Remove it
  dbfleet.backup.backup_engine:
    state: absent
"""

RETURN = r"""
pending:
  description:
    - Whether the version had to be made, in check mode would have to be. Only then drivers are fetched or read from a
      bundle.
  returned: success
  type: bool
  sample: true
id:
  description: The version in use, in check mode the one that would be. Empty for none.
  returned: success
  type: str
  sample: 0.1.0-3b5d1c20f9a7
version:
  description: Its version number.
  returned: success
  type: str
  sample: 0.1.0
folder:
  description: Its folder.
  returned: success
  type: str
  sample: /opt/dbfleet/0.1.0-3b5d1c20f9a7
command:
  description: The link to the command.
  returned: success
  type: str
  sample: /usr/local/bin/dbfleet
python:
  description: The Python that it was made with.
  returned: success
  type: str
  sample: /usr/bin/python3.11
previous:
  description: The version that was in use before, empty for none or the same.
  returned: success
  type: str
  sample: 0.1.0-91c02be2a8d4
drivers:
  description: The packages that were installed with it, with their versions.
  returned: success
  type: list
  elements: str
  sample: [psycopg 3.3.9, psycopg_binary 3.3.9]
installed:
  description: The versions that are there, that used last at the end.
  returned: success
  type: list
  elements: str
  sample: [0.1.0-91c02be2a8d4, 0.1.0-3b5d1c20f9a7]
removed:
  description: The versions that were removed.
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
      description: The kind of failure, for example V(installation), V(not_found) or V(corrupt).
      type: str
      sample: installation
    message:
      description: What failed and why.
      type: str
      sample: "pip could not fetch the drivers: ERROR: No matching distribution found for zstandard==0.25.0"
    hint:
      description: What to do about it.
      type: str
      sample: name an index that the host reaches, or install from a bundle
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

import sys

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.cli.start import main as command
from ..module_utils.installation.install import InstallRequest, InstallResult, install
from ..module_utils.installation.locked import COMPONENTS
from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress

_NOT_FOUND = 127
# Ansible sends what is imported: with the command, the whole engine.
_BROUGHT = (command,)


def argument_spec() -> dict:
    components = ["postgresql", "mysql", "encryption", "zstd", "lz4", "isal", "numpy"]
    return {
        "state": {"type": "str", "choices": ["present", "rolled_back", "absent"], "default": "present"},
        "root": {"type": "path", "default": "/opt/dbfleet"},
        "command": {"type": "path", "default": "/usr/local/bin/dbfleet"},
        "components": {"type": "list", "elements": "str", "choices": list(COMPONENTS), "default": components},
        "drivers_from": {"type": "str", "choices": ["index", "bundle", "distribution"], "default": "index"},
        "bundle": {"type": "path"},
        "index_url": {"type": "str", "no_log": True},
        "python": {"type": "path"},
        "keep": {"type": "int", "default": 3},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("drivers_from", "bundle", ["bundle"])],
        supports_check_mode=True,
    )
    params = module.params

    def run(words, environment):
        try:
            return module.run_command(list(words), environ_update=dict(environment), handle_exceptions=False)
        except OSError as error:
            return _NOT_FOUND, "", str(error)

    def job(progress: Progress) -> InstallResult:
        request = InstallRequest(
            state=params["state"],
            root=params["root"],
            command=params["command"] or "",
            components=tuple(params["components"]),
            drivers_from=params["drivers_from"],
            python=params["python"] or sys.executable,
            bundle=params["bundle"] or "",
            index_url=params["index_url"] or "",
            keep=params["keep"],
            check=module.check_mode,
        )
        return install(request, run, progress)

    run_module(module, respawn, job)


if __name__ == "__main__":
    main()
