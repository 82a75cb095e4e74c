#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_report
short_description: Say how the backups of many databases stand, and write it as one page
version_added: 0.1.0
description:
  - Looks into repositories and says of each database which is its newest good backup and whether that is as young as
    it has to be, what verifications and restore drills have found, which moments are within reach, and what became of
    the host's scheduled jobs.
  - With O(output) it writes one HTML page of it that loads nothing from anywhere. Problems come first.
  - For a fleet, each host looks at its own repositories, and one of them writes the page of what all have seen, see
    O(overviews). The playbook C(dbfleet.backup.report) does that.
  - The manifests are read and no backup, and no database is needed.
  - A repository that cannot be read is shown as a problem and does not fail the task. See RV(state) for a task that is
    to fail when something is wrong.
extends_documentation_fragment:
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details:
      - Everything is looked at, and no page is written.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: none
  idempotent:
    description: Running it again changes nothing.
    support: partial
    details:
      - The page is written anew each time, since it says when it was made. Without O(output) nothing changes.
options:
  repositories:
    description:
      - The repositories to look at, as O(dbfleet.backup.native_backup#module:repository) takes them.
    type: list
    elements: str
  s3_access_key:
    description:
      - The access key of repositories in object storage.
    type: str
  s3_secret_key:
    description:
      - The secret key that belongs to O(s3_access_key).
    type: str
  s3_session_token:
    description:
      - The session token, where O(s3_access_key) is one of temporary credentials.
    type: str
  objective:
    description:
      - How old the newest good backup of a database may be, counted from the moment that it began, which is what a
        restore brings back.
      - A number and its unit, V(s), V(m), V(h), V(d) or V(w), for example V(26h). Without it, any age will do.
    type: str
  objectives:
    description:
      - The same for the databases whose C(cluster/database) fits a pattern with C(*) and C(?), as C(pattern=time).
      - The first that fits counts. The time V(0) expects nothing of a database.
    type: list
    elements: str
  status_folder:
    description:
      - The folder with the status files of the host's scheduled jobs, to look at those too.
    type: path
  overviews:
    description:
      - What other hosts have seen of their repositories, each the RV(overview) of this module there.
    type: list
    elements: dict
  output:
    description:
      - The page to write, on the host. It is readable by its owner only.
      - Without it, nothing is written.
    type: path
  title:
    description:
      - The heading of the page.
    type: str
seealso:
  - module: dbfleet.backup.backup_info
  - module: dbfleet.backup.backup_verify
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Write a page about the repository of a host
  dbfleet.backup.backup_report:
    repositories:
      - /var/backups/databases
    objective: 26h
    objectives:
      - production/orders=6h
      - '*/scratch*=0'
    output: /var/www/internal/backups.html

- name: Look at the repositories of each host
  dbfleet.backup.backup_report:
    repositories:
      - /var/backups/databases
    objective: 26h
    status_folder: /var/lib/dbfleet/status
  register: seen

- name: Write one page about all hosts on the controller
  dbfleet.backup.backup_report:
    overviews: "{{ ansible_play_hosts | map('extract', hostvars, ['seen', 'overview']) | list }}"
    output: "{{ playbook_dir }}/backups.html"
  delegate_to: localhost
  run_once: true

- name: Fail when a database has no good backup that is young enough
  ansible.builtin.assert:
    that: seen.state != 'critical'
    fail_msg: "{{ seen.overview.databases | map(attribute='problems') | flatten | join('; ') }}"
"""

RETURN = r"""
state:
  description: The worst of all that was looked at, V(ok), V(warning) or V(critical).
  returned: success
  type: str
  sample: ok
databases:
  description: How many databases stand in which state.
  returned: success
  type: dict
  sample: {"ok": 12, "warning": 1, "critical": 0}
output:
  description: The page, empty without O(output).
  returned: success
  type: str
  sample: /var/www/internal/backups.html
overview:
  description: What was seen on this host. Null where there was nothing to look at but O(overviews).
  returned: success
  type: dict
  contains:
    version:
      description: The version of this form.
      type: int
      sample: 1
    host:
      description: The host's name.
      type: str
      sample: db1
    generated_at:
      description: When it was seen, in UTC.
      type: str
      sample: '2026-11-23T06:30:00Z'
    state:
      description: The worst of all.
      type: str
      sample: ok
    repositories:
      description: The C(location) of each repository, and an C(error) where it could not be read.
      type: list
      elements: dict
      sample: [{"location": "/var/backups/databases", "error": "", "state": "ok"}]
    databases:
      description:
        - Of each database its C(state) and C(problems), the C(newest) good backup of the whole database and its C(age)
          in seconds, its C(objective), the latest C(verification) of each level, the C(window) of moments within reach,
          the C(count) and C(total_size) of its C(backups).
      type: list
      elements: dict
      sample:
        - cluster: production
          database: shop
          kind: logical
          state: critical
          problems: [the newest good backup is older than its objective]
          age: 120000.0
          objective: 93600.0
    archives:
      description: How far the archivers of binlogs and WAL are.
      type: list
      elements: dict
      sample: []
    jobs:
      description: The scheduled jobs of O(status_folder).
      type: list
      elements: dict
      sample: []
    damaged:
      description: The manifests that cannot be trusted.
      type: list
      elements: dict
      sample: []
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure.
      type: str
      sample: usage
    message:
      description: What failed and why.
      type: str
      sample: there is nothing to report on
    hint:
      description: What to do about it.
      type: str
      sample: name a repository
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

from ..module_utils.module_entry import run_module
from ..module_utils.progress import Progress
from ..module_utils.report.written import ReportRequest, ReportResult, make_report
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec
from ..module_utils.requests.overview import overview_request


def main() -> None:
    spec = {**argument_spec("report"), "overviews": {"type": "list", "elements": "dict"}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)

    def job(progress: Progress) -> ReportResult:
        given = given_to_module("report", module.params)
        return make_report(
            ReportRequest(
                overview_request(given),
                overviews=tuple(module.params["overviews"] or ()),
                output=given.text("output"),
                title=given.text("title"),
                check=module.check_mode,
            )
        )

    run_module(module, respawn, job)


if __name__ == "__main__":
    main()
