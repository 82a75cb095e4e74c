# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What it takes to get at stored backups besides knowing where they are: secrets, which nothing here ever shows."""

from __future__ import annotations

import dataclasses
import os

from ..errors import IdentityError
from ..lazy_dataclass import dataclass
from ..streams.age_keys import Identity, parse_identities
from ..streams.file import storage_error

IDENTITY_VARIABLE = "DBFLEET_AGE_IDENTITY"
IDENTITY_FILE_VARIABLE = "DBFLEET_AGE_IDENTITY_FILE"
_LARGEST_IDENTITY_FILE = 1 << 20


@dataclass(frozen=True)
class Access:
    """Keys and credentials.

    :param identity: age identities that open encrypted backups, as ``age-keygen`` writes them.
    :param identity_file: a file of them. Without both, the environment is asked: :data:`IDENTITY_VARIABLE` holds
        identities, :data:`IDENTITY_FILE_VARIABLE` names a file.
    :param s3_access_key: with its secret key, and a token for credentials that end; without them, they come from where
        Amazon's own tools have them: the environment, ``~/.aws``, the machine's role.
    :param verify_key: a file with the public key that every manifest must be signed for; empty to ask for no signature.
    """

    identity: str = dataclasses.field(default="", repr=False)
    identity_file: str = ""
    s3_access_key: str = dataclasses.field(default="", repr=False)
    s3_secret_key: str = dataclasses.field(default="", repr=False)
    s3_session_token: str = dataclasses.field(default="", repr=False)
    verify_key: str = ""

    def identities(self) -> tuple[Identity, ...]:
        """The identities, none where nothing says any.

        :raises IdentityError: what was given is none.
        :raises StorageError: the file cannot be read.
        """
        if self.identity:
            return parse_identities(self.identity, name="the identity given")
        if self.identity_file:
            return _read_identities(self.identity_file)
        if os.environ.get(IDENTITY_VARIABLE):
            return parse_identities(os.environ[IDENTITY_VARIABLE], name=f"${IDENTITY_VARIABLE}")
        if os.environ.get(IDENTITY_FILE_VARIABLE):
            return _read_identities(os.environ[IDENTITY_FILE_VARIABLE])
        return ()


#: Nothing: for what needs neither.
NO_ACCESS = Access()


def _read_identities(path: str) -> tuple[Identity, ...]:
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_IDENTITY_FILE + 1)
    except OSError as error:
        raise storage_error("read the identity file", path, error) from error
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if len(data) > _LARGEST_IDENTITY_FILE or not text:
        raise IdentityError(f"{path} is no file of age identities", hint="age-keygen makes one: AGE-SECRET-KEY-1…")
    return parse_identities(text, name=path)
