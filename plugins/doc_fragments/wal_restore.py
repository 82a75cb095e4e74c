# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a physical backup is restored to, and how far the server recovers."""

    DOCUMENTATION = r"""
options:
  data_folder:
    description:
      - The data folder to restore to. It must be empty or not there yet, but for O(delta).
      - Needed with O(state=restored), for which the following options are, too.
    type: path
  backup:
    description:
      - The id of the backup, or V(latest) for the newest one from which the target can be reached.
      - With O(state=combined), that of the incremental backup, or V(latest) for the newest good one.
    type: str
    default: latest
  source:
    description:
      - A folder with one backup in tar form, as C(pg_basebackup -Ft) makes it, instead of one of O(repository).
      - With O(repository) and O(cluster) too, the WAL that is archived there is applied to it.
    type: path
  owner:
    description:
      - Whose the files shall be, as C(user) or C(user:group). Only root can give files away.
      - Without it, they are the user's that the module runs as; for root, the owner's of O(data_folder) or of the
        folder that it is in, which must not be root.
    type: str
  tablespace_mapping:
    description:
      - Tablespaces that are restored elsewhere than they were, each as C(/old/folder=/new/folder), or with the OID
        of the tablespace before the equals sign. The folders must be empty.
    type: list
    elements: str
  delta:
    description:
      - Restore over the data folder of the same cluster, whose server is stopped. Only what differs is written, and
        what the backup does not hold is removed.
      - The backup is read and verified before the folder is touched.
    type: bool
  target_time:
    description:
      - Recover up to this time, for example V(2026-11-22 03:15:00+01). Transactions that ended later are left out.
        Without a zone it is in that of the host.
      - At most one of O(target_time), O(target_lsn), O(target_xid), O(target_name), O(target_immediate) and
        O(target_latest) is given.
    type: str
  target_lsn:
    description:
      - Recover up to this place in the WAL, for example V(16/B374D848).
    type: str
  target_xid:
    description:
      - Recover up to this transaction, which is included.
    type: str
  target_name:
    description:
      - Recover up to this restore point, which C(pg_create_restore_point()) made.
    type: str
  target_immediate:
    description:
      - Recover until the backup is consistent, and no further.
    type: bool
  target_latest:
    description:
      - Recover to the end of what is archived, which is what happens without a target.
    type: bool
  target_exclusive:
    description:
      - Stop just before O(target_time), O(target_lsn) or O(target_xid) instead of just behind it.
    type: bool
  target_timeline:
    description:
      - The timeline to recover on, as a number, V(latest) or V(current) (that of the backup).
      - Without it, V(latest).
    type: str
  target_action:
    description:
      - What the server does at the target. V(promote), which is what happens without this option, begins a new
        timeline and takes writes. V(pause) lets people look before they promote it. V(shutdown) ends the server.
    type: str
    choices: [pause, promote, shutdown]
  restore_command:
    description:
      - What the server fetches WAL with, for example C(dbfleet wal fetch %f %p --repository /srv/backups --cluster x).
      - Without it, all that is needed up to the target is put into the data folder, and the server needs neither the
        command nor the repository.
    type: str
  disable_archiving:
    description:
      - Restore with C(archive_mode) off, so that the restored server does not write into the archive of the one that
        was backed up. Use it for every restore that is a trial or a copy.
    type: bool
  recover:
    description:
      - Run the server of the restored folder, reachable for nobody, until its recovery ends, and return how far it
        came. It takes the programs of the server on the host.
    type: bool
  start:
    description:
      - Do what O(recover) does, and then start the server as it is configured and as the owner of the data folder,
        wait until it takes connections, and return where it listens. It outlives the module.
      - A cluster of Debian's layout is started by C(pg_ctlcluster), which has systemd do it where it can. Where another
        service manager runs the server, leave this out and start the service.
      - That the server's programs and its configuration are on the host is known before anything is written. A server
        that does not come up is an error, which quotes what its log says of the server itself.
    type: bool
  server_programs:
    description:
      - The folder of the server's programs, for O(recover) and O(start). Without it, the usual folders are looked in.
    type: path
  config_file:
    description:
      - The server's C(postgresql.conf) where it is kept elsewhere than in the data folder, for O(recover) and O(start).
      - Without it, a cluster of Debian's layout (C(/etc/postgresql/VERSION/CLUSTER)) is found by the data folder that
        its configuration names.
    type: path
"""
