#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_prune
short_description: Remove the backups of a repository that no rule of retention keeps
version_added: 0.1.0
description:
  - Keeps of every database what the rules ask for, and removes the rest. A backup stays if one rule wants it.
  - The newest good backup of a database always stays. So does what is on hold (see M(dbfleet.backup.backup_hold)).
  - A backup that failed a verification takes no place of a rule. It goes once there is a newer good one.
  - A period without a backup takes no place either. Seven daily backups are those of the last seven days on which
    there was one, however many runs were missed.
  - A backup of a part of a database counts for itself, among those of the same part. A set of a whole server that
    stays keeps all its backups, and its globals stay as long as one of them does.
  - A database of which a manifest or a mark is damaged, or which another job is writing to, keeps everything. The
    others are done, and the task fails in the end and names it.
  - Archived WAL and binlogs go with the backups. What no backup needs any more that stays is removed too, which
    O(keep_logs) prevents. Those of a server of which something could not be done stay, and so they do with
    O(database).
  - The removal can be stopped at any moment. What was begun disappears at once for everybody, and the next job removes
    the rest.
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
    details:
      - Lists what goes, and why each of the others stays.
  idempotent:
    description: Running it again changes nothing.
    support: full
    details:
      - Until time goes on and O(recovery_window) with it.
options:
  database:
    description:
      - Only the backups of this database.
    type: str
  keep_last:
    description:
      - Keep the newest so many backups of each database.
    type: int
    default: 0
  keep_daily:
    description:
      - Keep the newest backup of each of the last so many days that have one.
    type: int
    default: 0
  keep_weekly:
    description:
      - The same for ISO weeks, which begin on Monday.
    type: int
    default: 0
  keep_monthly:
    description:
      - The same for months.
    type: int
    default: 0
  keep_yearly:
    description:
      - The same for years.
    type: int
    default: 0
  keep_verified:
    description:
      - Keep the newest so many backups that a verification has passed.
    type: int
    default: 0
  recovery_window:
    description:
      - Keep what it takes to go back to any moment of this time, for example V(14d). That is every backup made in it,
        and the newest one before.
    type: str
  timezone:
    description:
      - Where days, weeks, months and years begin.
    type: str
    default: UTC
  newest_within:
    description:
      - Remove nothing of a database whose newest good backup is older than this, for example V(2d), and fail. Where
        backups have stopped coming, what is left is all there is.
    type: str
  force:
    description:
      - Remove in spite of O(newest_within).
    type: bool
  keep_logs:
    description:
      - Leave archived WAL and binlogs as they are, for example because jobs of their own prune them.
    type: bool
seealso:
  - module: dbfleet.backup.backup_hold
  - module: dbfleet.backup.backup_info
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Keep a week of days, a month of weeks and a year of months
  dbfleet.backup.backup_prune:
    repository: /var/backups/databases
    keep_daily: 7
    keep_weekly: 5
    keep_monthly: 12
    timezone: Europe/Berlin
    newest_within: 2d

- name: Show what would go, and why the others stay
  dbfleet.backup.backup_prune:
    repository: /var/backups/databases
    cluster: production
    database: shop
    recovery_window: 14d
    keep_monthly: 6
  check_mode: true
  diff: true
"""

RETURN = r"""
removed:
  description: The backups that went, or would go.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The backup's id.
      type: str
      sample: 20260901T030000Z-logical
    kind:
      description: V(logical), V(globals) or V(physical).
      type: str
      sample: logical
    cluster:
      description: The name of the server in the repository.
      type: str
      sample: production
    database:
      description: The database; empty for globals and physical backups.
      type: str
      sample: shop
    path:
      description: Where it is, or was.
      type: str
      sample: /var/backups/databases/production/shop/20260901T030000Z-logical
    size:
      description: The size of its files in bytes.
      type: int
      sample: 18273645
    started_at:
      description: When it was begun, in UTC.
      type: str
      sample: '2026-09-01T03:00:00+00:00'
    set:
      description: The set that it was made in; empty for a single backup.
      type: str
      sample: ''
kept:
  description: The backups that stay, with the same fields and their C(reasons).
  returned: success
  type: list
  elements: dict
  sample:
    - id: 20261122T030000Z-logical
      kind: logical
      cluster: production
      database: shop
      path: /var/backups/databases/production/shop/20261122T030000Z-logical
      size: 18293651
      started_at: '2026-11-22T03:00:00+00:00'
      set: ''
      reasons: [the newest good backup, daily 2026-11-22, weekly 2026-W47, monthly 2026-11]
logs:
  description: What became of archived WAL and binlogs.
  returned: success
  type: dict
  contains:
    removed:
      description: The files that went, or would go.
      type: list
      elements: dict
      sample:
        - kind: wal
          cluster: production
          path: /var/backups/databases/production/%wal/7710982119763014560/00000001/000000010000000000000003-6e34
          file: '000000010000000000000003'
          size: 1182
    kept:
      description: How many files stay, by their kind.
      type: dict
      sample: {"wal": 812, "binlog": 0}
freed_bytes:
  description: The size of all backups that went, or would go.
  returned: success
  type: int
  sample: 18273645
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(prune) or V(usage).
      type: str
      sample: prune
    message:
      description: What failed and why.
      type: str
      sample: >-
        of 1 databases nothing was removed: /srv/backups/production/shop: the newest good backup is 9 d 4 h old
    hint:
      description: What to do about it.
      type: str
      sample: the other databases are done; mend what is named and run it again
    context:
      description: Further fields, for example the C(problems) and the paths that were C(removed).
      type: dict
      sample: {"problems": [], "removed": []}
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
from ..module_utils.prune import PruneResult, prune
from ..module_utils.requests.given import given_to_module
from ..module_utils.requests.options import argument_spec
from ..module_utils.requests.prune import prune_request


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec("prune"), supports_check_mode=True)

    def job(progress: Progress) -> PruneResult:
        return prune(prune_request(given_to_module("prune", module.params), check=module.check_mode), progress)

    run_module(module, respawn, job, name="prune")


if __name__ == "__main__":
    main()
