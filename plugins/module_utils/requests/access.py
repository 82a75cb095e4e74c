# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Keys and credentials out of the options that were given."""

from __future__ import annotations

from ..repository.access import Access
from ..streams.age_keys import parse_recipients
from ..streams.encryption import Encryption
from .given import Given


def access_of(given: Given) -> Access:
    """What opens repositories and backups, of the options that the job has.

    :raises UsageError: options contradict each other.
    """
    if given.takes("identity"):
        given.at_most_one("identity", "identity_file")
    if given.takes("s3_access_key"):
        given.only_with("s3_access_key", "s3_secret_key")
        given.only_with("s3_secret_key", "s3_access_key")
        given.only_with("s3_session_token", "s3_access_key")
    names = ("identity", "identity_file", "s3_access_key", "s3_secret_key", "s3_session_token", "verify_key")
    return Access(**{name: given.text(name) for name in names if given.takes(name)})


def encryption_of(given: Given) -> Encryption:
    """To whom a backup is encrypted.

    :raises UsageError: a recipient is none.
    """
    return Encryption(parse_recipients(given.texts("encrypt_to")))
