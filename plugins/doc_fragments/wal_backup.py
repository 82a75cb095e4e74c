# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How a physical backup is made."""

    DOCUMENTATION = r"""
options:
  sign_key:
    description:
      - Sign the manifest with the private key in this file, see O(dbfleet.backup.native_backup#module:sign_key).
      - For O(state=backup) and O(state=combined).
    type: path
  copy_to:
    description:
      - A second repository that the finished backup is copied to, see O(dbfleet.backup.native_backup#module:copy_to).
      - For O(state=backup).
    type: path
  max_age:
    description:
      - Do nothing if a good backup is younger than this, for example V(6h).
      - For O(state=backup).
    type: str
  checkpoint:
    description:
      - Whether the server makes its checkpoint at once (V(fast)) or as gently as its settings say (V(spread)), for
        which the backup waits. Without it, V(spread).
      - For O(state=backup).
    type: str
    choices: [fast, spread]
  label:
    description:
      - What the backup is called in C(backup_label).
      - For O(state=backup).
    type: str
  max_rate:
    description:
      - How many kilobytes a second the server sends at most.
      - For O(state=backup).
    type: int
  checksum_errors:
    description:
      - Whether a page whose checksum does not match fails the backup, as without this option, or is named in a
        warning.
      - For O(state=backup).
    type: str
    choices: [fail, warn]
  incremental:
    description:
      - Back up only what changed since this backup (an id), or since the newest good one (V(latest)).
      - It takes PostgreSQL 17 or later with C(summarize_wal) on.
      - For O(state=backup).
    type: str
  server_compression:
    description:
      - Let the server compress what it sends, not this host. This saves bandwidth.
      - It takes PostgreSQL 15 or later.
      - For O(state=backup).
    type: bool
  no_slot:
    description:
      - Use no temporary replication slot. The server may then remove WAL that the backup needs, which fails it.
      - For O(state=backup).
    type: bool
  receive_timeout:
    description:
      - How long nothing may come from a server that sends, V(5m) unless given.
      - For O(state=backup).
    type: str
"""
