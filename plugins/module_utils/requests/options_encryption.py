# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that encrypt backups and open them again."""

from __future__ import annotations

from .option import WAL_ARCHIVE, WAL_BACKUP, WAL_CHECK, WAL_COMBINE, WAL_FETCH, WAL_PUSH, WAL_RESTORE, Option

#: The jobs that can look into a backup.
_READERS = ("restore", "info", "verify", "compare", "rewind", "flashback", WAL_BACKUP, WAL_RESTORE, WAL_COMBINE)
#: They open files of the archive of WAL, and look at no manifest.
_WAL_READERS = (WAL_FETCH, WAL_CHECK)

ENCRYPTION = (
    Option(
        "encrypt_to",
        "encrypt every file to this age recipient (age1...); may be given several times",
        ("--encrypt-to",),
        ("backup", "archive", WAL_BACKUP, WAL_ARCHIVE, WAL_PUSH, WAL_COMBINE),
        type="list",
        metavar="RECIPIENT",
    ),
    Option(
        "sign_key",
        "sign the manifest with the private Ed25519 key in this file",
        ("--sign-key",),
        ("backup", WAL_BACKUP, WAL_COMBINE),
        type="path",
        metavar="FILE",
    ),
    Option(
        "verify_key",
        "accept only manifests signed with the private key that belongs to the public one in this file",
        ("--verify-key",),
        (*_READERS, "copy"),
        type="path",
        metavar="FILE",
    ),
    Option("identity", "the age identity that opens an encrypted backup", jobs=(*_READERS, *_WAL_READERS), secret=True),
    Option(
        "identity_file",
        "a file of age identities, one of which opens an encrypted backup",
        ("--identity-file",),
        (*_READERS, *_WAL_READERS),
        type="path",
        metavar="FILE",
    ),
)
