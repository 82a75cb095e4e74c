#!/usr/bin/python
# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: binlog_pitr
short_description: Archive MySQL's and MariaDB's binlogs, restore to any moment, undo a mistake
version_added: 0.1.0
description:
  - Copies a server's binlogs byte for byte over the replication protocol, without C(mysqlbinlog), and proves that
    none is missing.
  - Restores a database, or a whole server, to any moment since its oldest backup, by the newest suitable backup and
    the archived binlogs behind it, in one call. Everything is read and checked before the target is touched.
  - Undoes chosen changes of rows on the server where they were made.
extends_documentation_fragment:
  - dbfleet.backup.connection
  - dbfleet.backup.mysql
  - dbfleet.backup.repository
  - dbfleet.backup.identity
  - dbfleet.backup.attributes
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying the target.
    support: full
    details:
      - With O(state=archived), connects and says how many bytes would be archived.
      - With O(state=restored), reads all that would be restored, connects, and returns the plan. That is the backup,
        the binlogs, how many transactions, the last one and the first one left out.
      - With O(state=flashback), does everything in a transaction and takes it back.
      - With O(state=pruned), lists what would be removed.
  diff_mode:
    description: Will return details on what has changed, or would change.
    support: full
  idempotent:
    description: Running it again changes nothing.
    support: partial
    details:
      - With O(state=archived) and O(state=pruned) it does. A restore and an undo are done as often as they are asked
        for.
options:
  dbms:
    description:
      - The database system, V(mysql) or V(mariadb). It need not be said, the server says which of the two it is.
    required: false
  state:
    description:
      - V(archived) archives what the server has written since the last time, into O(repository) or O(archive_folder).
        For an archive that follows the server all the time, run C(dbfleet binlog archive --follow) as a service.
      - V(restored) restores a backup of O(repository) and replays archived binlogs up to the target.
      - V(flashback) undoes chosen changes of rows, if every row still is as its change left it. The archive must
        reach up to the present, so have V(archived) done before.
      - V(pruned) removes the archived binlogs of O(repository) that no backup in it needs.
      - An option that means nothing to the state is an error.
    type: str
    required: true
    choices: [archived, restored, flashback, pruned]
  archive_folder:
    description:
      - A plain folder on the host with the binlogs of this one server, instead of O(repository).
      - For O(state=archived) and O(state=flashback).
    type: path
  compress:
    description:
      - How binlogs are compressed in a repository, as V(none), V(gzip), V(lz4) or V(zstd), with a level if wanted.
        The default is V(gzip:6).
      - For O(state=archived).
    type: str
  encrypt_to:
    description:
      - The age recipients (C(age1...)) to whom binlogs are encrypted in a repository.
      - For O(state=archived). Needs the Python package C(cryptography).
    type: list
    elements: str
  new_chain:
    description:
      - Begin anew where what is archived cannot be gone on with, because binlogs are missing or the log was reset.
        What was archived before stays. A new full backup is needed.
      - For O(state=archived).
    type: bool
  replica_server_id:
    description:
      - As which replica to ask for binlogs, instead of a number made of the names of host and place. It must be that
        of no other replica of the server.
      - For O(state=archived).
    type: int
  database:
    description:
      - The database to restore into. Only its transactions are replayed.
      - With O(state=restored), exactly one of O(database) and O(all_databases) is needed.
    type: str
  source_database:
    description:
      - The name of the database that was backed up, where it is not that of O(database).
    type: str
  all_databases:
    description:
      - Restore a set that was made with O(dbfleet.backup.native_backup#module:all_databases) and replay what came
        after it on the whole server. The set must be of one moment, that is made with one job.
    type: bool
  backup:
    description:
      - The backup to begin with, by its id, or V(latest), the newest one from which the target can be reached.
      - For O(state=restored).
    type: str
    default: latest
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
      - How many connections load the backup at the same time, where its format allows it.
    type: int
    default: 1
  skip_binlog:
    description:
      - Do not write the restore of the backup into the target's own binlog.
    type: bool
  gtid:
    description:
      - With V(set), the target gets the GTID state of the backup, and the transactions keep their GTIDs, as is wanted
        for a server that takes the old one's place. On MySQL this needs O(skip_binlog).
      - With V(leave), which is the default, they are new transactions of the target.
    type: str
    choices: [leave, set]
  target_time:
    description:
      - Restore what was committed before this time, for example V(2026-11-22 03:15:00) in the host's time zone, or
        V(2026-11-22T03:15:00.250Z).
      - MySQL 8.0 and later record microseconds, MySQL 5.7 and MariaDB whole seconds.
      - With O(state=restored), exactly one of O(target_time), O(target_gtid), O(target_position),
        O(before_transaction) and O(target_latest) is needed.
    type: str
  target_gtid:
    description:
      - Restore up to this GTID, or until all of this set are there, included. For MariaDB a position such as
        V(0-1-100).
    type: str
  target_position:
    description:
      - Restore up to this place in the log that was archived, for example V(binlog.000042:1234). Transactions that
        end there or before are applied.
    type: str
  before_transaction:
    description:
      - Restore to just before the transaction with this GTID.
    type: str
  target_latest:
    description:
      - Restore to the end of what is archived.
    type: bool
  resume:
    description:
      - Record what is done, and go on where the same task was interrupted. Nothing is applied twice. If it was killed
        while it applied transactions one by one and nobody can know how far it came, it fails and says so.
      - For O(state=restored).
    type: bool
  state_folder:
    description:
      - Where O(resume) records what is done. The default is C(/var/lib/dbfleet) for root, else
        C(~/.local/state/dbfleet).
    type: path
  applier:
    description:
      - Who applies the transactions. V(binlog_statements) sends them over the connection. V(replica) has the target
        replicate from the module for the time being, which is faster and needs more privileges. V(auto), the default,
        chooses.
      - A target on another host replicates over TLS, for which O(applier_address), O(applier_cert), O(applier_key) and
        O(applier_ca) are needed.
    type: str
    choices: [auto, binlog_statements, replica]
  applier_address:
    description:
      - The name or the address of the host that the module runs on, as the target reaches it, to have the target
        replicate from there. V(host:port) and V([address]:port) name a port, too. By default any that is free.
      - For O(state=restored), as the three that follow. The certificate must be good for it.
    type: str
  applier_cert:
    description:
      - The certificate that the module shows to the target, a PEM file on the host that the module runs on.
    type: path
  applier_key:
    description:
      - The private key of O(applier_cert), a PEM file without a passphrase.
    type: path
  applier_ca:
    description:
      - A PEM file on the target's host, readable for the server, with the authority that has signed O(applier_cert).
        The target verifies the certificate by it.
    type: str
  start_datetime:
    description:
      - Undo what was committed at this time or later.
      - For O(state=flashback), as the following options are. At least one of them must choose.
    type: str
  stop_datetime:
    description:
      - Undo what was committed before this time.
    type: str
  include_gtids:
    description:
      - Undo only the transactions with these GTIDs.
    type: str
  exclude_gtids:
    description:
      - Undo all but the transactions with these GTIDs.
    type: str
  databases:
    description:
      - Undo only what was done to these databases.
    type: list
    elements: str
  tables:
    description:
      - Undo only what was done to these tables, each as C(database.table).
    type: list
    elements: str
  verbs:
    description:
      - Undo only this, of V(INSERT), V(UPDATE) and V(DELETE).
    type: list
    elements: str
  fire_triggers:
    description:
      - Undo although triggers would fire.
    type: bool
  ignore_cascades:
    description:
      - Undo although rows that foreign keys changed with these are not in the log.
    type: bool
  keep_before:
    description:
      - Keep what it takes to go back so far, even where no backup needs it, for example V(7d).
      - For O(state=pruned).
    type: str
seealso:
  - module: dbfleet.backup.native_backup
  - module: dbfleet.backup.native_restore
  - module: dbfleet.backup.backup_info
author:
  - dbfleet contributors (@dbfleet)
"""

EXAMPLES = r"""
- name: Archive what the server has written since the last time
  dbfleet.backup.binlog_pitr:
    state: archived
    option_file: /root/.my.cnf
    repository: /var/backups/databases
    cluster: shop

- name: Find out what a restore to the moment before the accident would do
  dbfleet.backup.binlog_pitr:
    state: restored
    option_file: /root/.my.cnf
    repository: /var/backups/databases
    cluster: shop
    database: shop_restored
    source_database: shop
    create: true
    target_time: '2026-11-22 03:15:00'
  check_mode: true
  register: plan

- name: Show the first transaction that would be left out
  ansible.builtin.debug:
    var: plan.replay.left_out

- name: Bring a new server to where the old one was
  dbfleet.backup.binlog_pitr:
    state: restored
    login_host: db2.example.com
    login_user: admin
    login_password: "{{ vault_admin_password }}"
    repository: /var/backups/databases
    cluster: shop
    all_databases: true
    gtid: set
    skip_binlog: true
    target_latest: true

- name: Undo a DELETE that nobody wanted
  dbfleet.backup.binlog_pitr:
    state: flashback
    option_file: /root/.my.cnf
    repository: /var/backups/databases
    cluster: shop
    include_gtids: 3424bd76-71ca-11e1-9e33-c80aa9429562:4711
    tables: [shop.customers]

- name: Remove binlogs that no backup needs
  dbfleet.backup.binlog_pitr:
    state: pruned
    repository: /var/backups/databases
    keep_before: 7d
"""

RETURN = r"""
folder:
  description: Where the binlogs are archived.
  returned: with O(state=archived)
  type: str
  sample: /var/backups/databases/shop/%binlogs
sealed:
  description: The binlogs that were completed.
  returned: with O(state=archived)
  type: list
  elements: str
  sample: [binlog.000041]
received:
  description: How many bytes were archived, in check mode would be.
  returned: with O(state=archived)
  type: int
  sample: 1048576
file:
  description: The binlog that the server is writing.
  returned: with O(state=archived)
  type: str
  sample: binlog.000042
position:
  description: How much of it is archived, in bytes.
  returned: with O(state=archived)
  type: int
  sample: 2311
gtids:
  description: The transactions that are archived or came before.
  returned: with O(state=archived)
  type: str
  sample: 3424bd76-71ca-11e1-9e33-c80aa9429562:1-4711
lag_bytes:
  description: How many bytes the server had written in the end that are not archived.
  returned: with O(state=archived)
  type: int
  sample: 0
backup:
  description: The backup that was restored; the fields are those of RV(dbfleet.backup.native_backup#module:backup).
  returned: with O(state=restored)
  type: dict
  sample: {"id": "20261122T000000Z-logical", "database": "shop"}
restore:
  description: What restoring it did; the fields are those of RV(dbfleet.backup.native_restore#module:restore).
  returned: with O(state=restored)
  type: dict
  sample: {"database": "shop_restored", "rows": 421337}
replay:
  description: What replaying did, or in check mode would do.
  returned: with O(state=restored)
  type: dict
  contains:
    target:
      description: The moment that was asked for.
      type: str
      sample: 2026-11-22 02:15:00.000000 UTC
    transactions:
      description: How many were applied.
      type: int
      sample: 1204
    bytes:
      description: Their size in the binlogs.
      type: int
      sample: 812345
    files:
      description: The binlogs that they are in.
      type: list
      elements: str
      sample: []
    start:
      description: Where in the binlogs the backup stands.
      type: dict
      sample: {"file": "binlog.000041", "position": 157, "gtid": ""}
    last:
      description: The last transaction that was applied.
      type: dict
      sample: {"file": "binlog.000042", "start": 1800, "end": 2311, "gtid": "", "time": 1795317299.25}
    left_out:
      description: The first transaction behind it, which was not applied.
      type: dict
      sample: {"file": "binlog.000042", "start": 2311, "end": 2500, "gtid": "", "time": 1795317300.5}
    applier:
      description: Who applied them.
      type: str
      sample: replica
    emptied:
      description: Of how many transactions nothing was left, because all of it is of other databases.
      type: int
      sample: 17
    incomplete:
      description: How many transactions their files do not end; they are never applied.
      type: int
      sample: 0
    duration:
      description: Of everything, in seconds.
      type: float
      sample: 12.5
rows:
  description: How many changes of rows were undone.
  returned: with O(state=flashback)
  type: int
  sample: 1200
tables:
  description: The tables, each with how many rows undoing inserted, updated and deleted.
  returned: with O(state=flashback)
  type: list
  elements: dict
  sample: [{"name": "shop.customers", "inserted": 1200, "updated": 0, "deleted": 0}]
removed:
  description: The archived binlogs that were removed, in check mode would be.
  returned: with O(state=pruned)
  type: list
  elements: dict
  sample: [{"cluster": "shop", "file": "binlog.000001", "size": 1073741824}]
kept:
  description: How many complete binlogs stay.
  returned: with O(state=pruned)
  type: int
  sample: 12
error:
  description: What failed, for programs.
  returned: failure
  type: dict
  contains:
    kind:
      description: The kind of failure, for example V(consistency), V(corrupt), V(connect) or V(restore).
      type: str
      sample: consistency
    message:
      description: What failed and why.
      type: str
      sample: "there is a gap: binlog.000040 is missing behind binlog.000039"
    hint:
      description: What to do about it.
      type: str
      sample: archive the server's binlogs up to there, or choose a moment that can be reached
    context:
      description: Further fields, depending on the kind.
      type: dict
      sample: {"end_file": "binlog.000039", "end_position": 1073741824}
debug:
  description: Every statement sent and every decision made, without rows and secrets.
  returned: with a verbosity of 3 or more
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn

from ..module_utils.binlog_prune import PruneBinlogsRequest, prune_binlogs
from ..module_utils.module_entry import Result, run_module
from ..module_utils.mysql.binlog.archive import ArchiveRequest, archive_binlogs
from ..module_utils.mysql.binlog.flashback_job import flashback
from ..module_utils.point_in_time import PointInTimeRequest, restore_to_moment
from ..module_utils.progress import Progress
from ..module_utils.requests.binlog_pitr import binlog_pitr_request
from ..module_utils.requests.options import argument_spec_of_binlogs


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec_of_binlogs(),
        mutually_exclusive=[
            ("archive_folder", "repository"),
            ("target_time", "target_gtid", "target_position", "before_transaction", "target_latest"),
            ("database", "all_databases"),
        ],
        supports_check_mode=True,
    )

    def job(progress: Progress) -> Result:
        request = binlog_pitr_request(module.params, check=module.check_mode)
        if isinstance(request, ArchiveRequest):
            return archive_binlogs(request, progress)
        if isinstance(request, PointInTimeRequest):
            return restore_to_moment(request, progress)
        if isinstance(request, PruneBinlogsRequest):
            return prune_binlogs(request, progress)
        return flashback(request, progress)

    run_module(module, respawn, job, name="restore" if module.params["state"] == "restored" else "binlog")


if __name__ == "__main__":
    main()
