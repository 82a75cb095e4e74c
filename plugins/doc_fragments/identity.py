# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What opens encrypted backups."""

    DOCUMENTATION = r"""
options:
  verify_key:
    description:
      - A file on the host with a public Ed25519 key in PEM form. Only backups count whose manifests were signed with
        the private key that belongs to it, see O(dbfleet.backup.native_backup#module:sign_key).
      - Needs the Python package C(cryptography).
    type: path
  identity:
    description:
      - The age identity (C(AGE-SECRET-KEY-1...)) that opens an encrypted backup; several may be given, one a line.
      - Without it and without O(identity_file), the environment of the module is asked for it
        (E(DBFLEET_AGE_IDENTITY), then E(DBFLEET_AGE_IDENTITY_FILE)).
      - Needs the Python package C(cryptography).
      - Excludes O(identity_file).
    type: str
  identity_file:
    description:
      - A file on the host that holds the identity, as C(age-keygen) writes it.
    type: path
"""
