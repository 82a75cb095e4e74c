#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wal_pitr
short_description: Physical backups of PostgreSQL, its WAL archive, and restores to any moment
version_added: 0.1.0
description:
  - Backs up a whole PostgreSQL server over the replication protocol, without C(pg_basebackup), and archives its
    write-ahead log (WAL), without C(pg_receivewal).
  - Restores a data folder as it was at any moment since the oldest backup, by the newest suitable backup and the
    archived WAL behind it, in one call. That the moment can be reached is known before anything is written, and no
    server starts in a folder that is not restored to its end.
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.postgresql
  - dbfleet.backup.repository
  - dbfleet.backup.identity
  - dbfleet.backup.wal_backup
  - dbfleet.backup.wal_restore
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details:
      - With O(state=backup), connects and says what would be backed up.
      - With O(state=archived), connects and says how many bytes would be archived.
      - With O(state=combined), returns which backups would be put together.
      - With O(state=restored), returns the plan. That is the backup with those it builds on, the WAL, the moments
        that can be reached, how much room it takes, and how the server will be started.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: full
  idempotent:
    description: Running it again changes nothing.
    support: partial
    details:
      - With O(state=archived) and O(state=combined) it does, and with O(state=backup) by O(max_age). A restore into a
        folder that holds something is refused.
options:
  dbms:
    description:
      - The database system, which is V(postgresql). It need not be said.
    required: false
  state:
    description:
      - V(backup) makes a physical backup of the whole server in O(repository).
      - V(archived) archives the WAL that the server has written since the last time. For an archive that follows the
        server all the time, run C(dbfleet wal archive --follow) as a service, or have the server call
        C(dbfleet wal push).
      - V(combined) makes a full backup out of an incremental one and those it builds on, in the repository and without
        the server. It holds the moment of the incremental one and is placed right behind it. Retention may remove the
        others then. Where there is a full backup of that moment already, nothing is done.
      - V(restored) restores a backup to O(data_folder) on this host and has the server recover up to the target.
      - An option that means nothing to the state is an error.
    type: str
    required: true
    choices: [backup, archived, combined, restored]
  compress:
    description:
      - How to compress, as C(none), C(gzip), C(lz4) or C(zstd), with a level if wanted, for example V(zstd:3).
      - For O(state=backup), O(state=archived) and O(state=combined), which otherwise compresses as the incremental
        backup is compressed.
    type: str
  encrypt_to:
    description:
      - Encrypt every file to these age recipients, see O(dbfleet.backup.native_backup#module:encrypt_to).
      - For O(state=backup), O(state=archived) and O(state=combined), which otherwise encrypts to those that the
        incremental backup is encrypted to.
    type: list
    elements: str
  scratch_folder:
    description:
      - A folder on the host with room for the whole files, which are put together there, V(/var/tmp) unless given.
      - For O(state=combined).
    type: path
  spool:
    description:
      - A folder on the host where archiving keeps what it knows.
      - For O(state=archived).
    type: path
  slot:
    description:
      - Stream from this physical replication slot, which makes the server keep what is not archived.
      - For O(state=archived).
    type: str
  create_slot:
    description:
      - Make the slot where it is missing.
      - For O(state=archived).
    type: bool
  new_chain:
    description:
      - Begin at the present where what is archived cannot be gone on with. A new full backup is needed then.
      - For O(state=archived).
    type: bool
seealso:
  - module: dbfleet.backup.native_backup
  - module: dbfleet.backup.backup_info
  - module: dbfleet.backup.backup_verify
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Back up the whole server
  dbfleet.backup.wal_pitr:
    state: backup
    repository: /var/backups/databases
    cluster: shop
    compress: zstd:3
    checkpoint: fast
  become: true
  become_user: postgres

- name: Archive what the server has written since the last time
  dbfleet.backup.wal_pitr:
    state: archived
    repository: /var/backups/databases
    cluster: shop
    slot: dbfleet
    create_slot: true
  become: true
  become_user: postgres

- name: Begin a new chain without reading the whole server again
  dbfleet.backup.wal_pitr:
    state: combined
    repository: /var/backups/databases
    cluster: shop
    scratch_folder: /srv/scratch
  become: true
  become_user: postgres

- name: Find out what going back to the moment before the accident would do
  dbfleet.backup.wal_pitr:
    state: restored
    repository: /var/backups/databases
    cluster: shop
    data_folder: /var/lib/postgresql/17/before
    target_time: '2026-11-22 03:15:00+01'
  become: true
  check_mode: true
  register: plan

- name: Show the moments that can be reached
  ansible.builtin.debug:
    var: plan.restore.window

- name: Try a restore without touching anything of the real server
  dbfleet.backup.wal_pitr:
    state: restored
    repository: /var/backups/databases
    cluster: shop
    data_folder: /srv/trial/shop
    owner: postgres
    tablespace_mapping:
      - /srv/fast/shop=/srv/trial/fast
    disable_archiving: true
    recover: true
  become: true

- name: Restore beside the real server and start it there, with a configuration of its own
  dbfleet.backup.wal_pitr:
    state: restored
    repository: /var/backups/databases
    cluster: shop
    data_folder: /srv/trial/shop
    owner: postgres
    target_name: before the release
    disable_archiving: true
    start: true
    config_file: /srv/trial/postgresql.conf
  become: true

- name: Bring the server back as far as the archive reaches, rewriting only what differs
  dbfleet.backup.wal_pitr:
    state: restored
    repository: /var/backups/databases
    cluster: shop
    data_folder: /var/lib/postgresql/17/main
    delta: true
    target_latest: true
  become: true
"""

RETURN = r"""
backup:
  description:
    - The backup that was made, combined or restored. The fields are those of
      RV(dbfleet.backup.native_backup#module:backup).
  returned: with O(state=backup), O(state=combined) and O(state=restored)
  type: dict
  sample: {"id": "20261122T000000Z-physical", "cluster": "shop"}
combined:
  description: The backups that were, or would be, put together, the full one first. Empty where nothing is to do.
  returned: with O(state=combined)
  type: list
  elements: str
  sample: [20261122T000000Z-physical, 20261123T000000Z-physical]
copies:
  description: With O(copy_to), each backup that was copied, or was there already.
  returned: when O(copy_to) is given
  type: list
  elements: dict
  sample: []
folder:
  description: Where the WAL is archived.
  returned: with O(state=archived)
  type: str
  sample: /var/backups/databases/shop/%wal/7710982119763014560
sealed:
  description: The segments that were completed.
  returned: with O(state=archived)
  type: list
  elements: str
  sample: [000000010000000000000042]
histories:
  description: The timelines whose history files were archived.
  returned: with O(state=archived)
  type: list
  elements: str
  sample: []
received:
  description: How many bytes came, in check mode would come.
  returned: with O(state=archived)
  type: int
  sample: 16777216
segment:
  description: The segment that the server is writing.
  returned: with O(state=archived)
  type: str
  sample: 000000010000000000000043
timeline:
  description: The timeline that the server is on.
  returned: with O(state=archived)
  type: int
  sample: 1
lsn:
  description: Everything before this place is archived.
  returned: with O(state=archived)
  type: str
  sample: 0/43001A28
lag_bytes:
  description: How many bytes the server had written in the end that are not archived.
  returned: with O(state=archived)
  type: int
  sample: 0
lag_seconds:
  description: How old these were.
  returned: with O(state=archived)
  type: float
  sample: 0.0
restore:
  description: What was restored, in check mode what would be.
  returned: with O(state=restored)
  type: dict
  contains:
    data_folder:
      description: The data folder.
      type: str
      sample: /srv/trial/shop
    owner:
      description: Whose the files are.
      type: str
      sample: postgres
    tablespaces:
      description: The folders of tablespaces, by their OIDs.
      type: dict
      sample: {"16387": "/srv/trial/fast"}
    chain:
      description: The backup, behind those that it builds on.
      type: list
      elements: str
      sample: [20261122T000000Z-physical]
    target:
      description: The moment that was asked for.
      type: str
      sample: time 2026-11-22 02:15:00.000000+00
    action:
      description: What the server does there.
      type: str
      sample: promote
    timeline:
      description: The timeline that it recovers on.
      type: int
      sample: 1
    consistent_lsn:
      description: From where on the backup is consistent.
      type: str
      sample: 0/2000120
    window:
      description: The moments that can be reached from the backup, for people. Empty where no WAL is archived.
      type: str
      sample: from 0/2000120 (2026-11-22 00:00:07 UTC) to 0/43001A28
    wal:
      description: The archived WAL up to the target.
      type: dict
      sample: {"first": "000000010000000000000002", "last": "000000010000000000000043", "segments": 66}
    staged:
      description: Whether it was put into the data folder.
      type: bool
      sample: true
    restore_command:
      description: What the server fetches WAL with otherwise.
      type: str
      sample: ""
    bytes:
      description: About how much room all of it takes.
      type: int
      sample: 1234567890
    delta:
      description: Whether a data folder was there that was changed.
      type: bool
      sample: false
    start:
      description: How the server is started in the end. Nothing without O(start).
      type: dict
      contains:
        configuration:
          description: Its configuration where that is not in the data folder.
          type: str
          sample: /etc/postgresql/17/main/postgresql.conf
        command:
          description: The command of the distribution that starts it. Empty where the server's program is started.
          type: str
          sample: /usr/bin/pg_ctlcluster 17 main start
    files:
      description: How many files the backup has. Nothing in check mode.
      type: int
      sample: 1790
    written_bytes:
      description: How many bytes were written. Nothing in check mode.
      type: int
      sample: 1234567890
    removed:
      description: How many files and folders O(delta) removed. Nothing in check mode.
      type: int
      sample: 0
    recovered:
      description: How far recovery came. Nothing without O(recover) and O(start), and in check mode.
      type: dict
      contains:
        state:
          description: V(promoted), V(paused) or V(shut down).
          type: str
          sample: promoted
        lsn:
          description: Behind the last record that was applied.
          type: str
          sample: 0/42FFE7A8
        time:
          description: When the last transaction ended that was applied, UTC.
          type: str
          sample: '2026-11-22T02:14:59.871203Z'
        timeline:
          description: The new timeline, 0 for none.
          type: int
          sample: 2
        running:
          description: Whether the server was left running.
          type: bool
          sample: false
        process:
          description: The number of its first process, 0 for none.
          type: int
          sample: 0
        port:
          description: Where it listens, 0 where it does not run.
          type: int
          sample: 0
    duration:
      description: Of everything, in seconds.
      type: float
      sample: 12.5
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(not_found), V(consistency), V(corrupt) or V(target_not_empty).
      type: str
      sample: not_found
    message:
      description: What failed and why.
      type: str
      sample: 'LSN 1/0 is not in the WAL that is archived; it reaches from 0/2000120 to 0/44000000'
    hint:
      description: What to do about it.
      type: str
      sample: archive the WAL up to there, choose a target inside, or restore to the end (target latest)
    context:
      description: Further fields, depending on the kind.
      type: dict
      sample: {}
debug:
  description: Every statement sent and every decision made, without rows and secrets.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.module_entry import Result, run_module
from ..module_utils.physical_backup import PhysicalBackupRequest, backup_physical
from ..module_utils.physical_combine import CombineRequest, combine_backups
from ..module_utils.postgresql.wal.archive_job import WalArchiveRequest, archive_wal
from ..module_utils.progress import Progress
from ..module_utils.requests.options import argument_spec_of_wal
from ..module_utils.requests.wal_pitr import wal_pitr_request
from ..module_utils.wal_restore import restore_physical


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec_of_wal(),
        mutually_exclusive=[
            ("target_time", "target_lsn", "target_xid", "target_name", "target_immediate", "target_latest"),
            ("identity", "identity_file"),
        ],
        required_if=[("state", "restored", ["data_folder"]), ("state", "restored", ["repository", "source"], True)],
        supports_check_mode=True,
    )

    def job(progress: Progress) -> Result:
        request = wal_pitr_request(module.params, check=module.check_mode)
        if isinstance(request, PhysicalBackupRequest):
            return backup_physical(request, progress)
        if isinstance(request, WalArchiveRequest):
            return archive_wal(request, progress)
        if isinstance(request, CombineRequest):
            return combine_backups(request, progress)
        return restore_physical(request, progress)

    run_module(module, respawn, job, name="restore" if module.params["state"] == "restored" else "backup")


if __name__ == "__main__":
    main()
