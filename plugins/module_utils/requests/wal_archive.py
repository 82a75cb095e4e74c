# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The requests for archiving PostgreSQL's write-ahead log, out of the options that were given."""

from __future__ import annotations

import os
import typing as t

from ..errors import UsageError
from ..postgresql.wal.quick import FETCH_PREFIX, PUSH_PREFIX, spool_path
from .access import access_of, encryption_of
from .connection import postgresql_connection
from .given import Given
from .given_compression import compression_of
from .required import required

if t.TYPE_CHECKING:
    from ..postgresql.wal.archive_job import WalArchiveRequest
    from ..postgresql.wal.fetch_job import FetchRequest
    from ..postgresql.wal.push import PushRequest

# Each request's record is imported with its job: a server waits for these at every segment.

_USUALLY_AHEAD, _MOST_AHEAD = 8, 64
_LARGEST_IDENTIFIER = (1 << 64) - 1


def push_request(given: Given, path: str, arguments: t.Sequence[str]) -> PushRequest:
    """What to archive of what a server hands over.

    :param arguments: of the command, behind its name.
    :raises UsageError: a value is missing or not valid.
    """
    from ..postgresql.wal.push import PushRequest

    return PushRequest(
        path=path,
        repository=required(given, "repository"),
        cluster=required(given, "cluster"),
        compression=compression_of(given),
        system_identifier=system_identifier_of(given),
        notes=spool_path(PUSH_PREFIX, arguments),
        encryption=encryption_of(given),
        access=access_of(given),
    )


def fetch_request(given: Given, name: str, path: str, arguments: t.Sequence[str]) -> FetchRequest:
    """What a server asks for.

    :param arguments: of the command, behind its name.
    :raises UsageError: a value is missing or not valid.
    """
    from ..postgresql.wal.fetch_job import FetchRequest

    number = given.number("ahead")
    ahead = _USUALLY_AHEAD if number is None else number
    if not 0 <= ahead <= _MOST_AHEAD:
        raise UsageError(f"{given.spelled('ahead')} is {ahead}", hint=f"use 0 to {_MOST_AHEAD}")
    return FetchRequest(
        name=name,
        path=path,
        repository=required(given, "repository"),
        cluster=required(given, "cluster"),
        system_identifier=system_identifier_of(given),
        ahead=ahead,
        spool=spool_path(FETCH_PREFIX, arguments),
        access=access_of(given),
    )


def wal_archive_request(given: Given, *, check: bool = False) -> WalArchiveRequest:
    """What to stream from a server.

    :raises UsageError: a value is missing or not valid.
    """
    from ..postgresql.wal.archive_job import WalArchiveRequest

    given.only_with("create_slot", "slot")
    return WalArchiveRequest(
        connection=postgresql_connection(given),
        repository=required(given, "repository"),
        cluster=given.text("cluster"),
        compression=compression_of(given),
        follow=given.switch("follow"),
        slot=given.text("slot"),
        create_slot=given.switch("create_slot"),
        new_chain=given.switch("new_chain"),
        spool=os.path.abspath(given.text("spool")) if given.has("spool") else "",
        check=check,
        encryption=encryption_of(given),
        access=access_of(given),
    )


def system_identifier_of(given: Given) -> int:
    """The system identifier, 0 where none was given.

    :raises UsageError: it is none.
    """
    text = given.text("system_identifier")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= _LARGEST_IDENTIFIER:
        raise UsageError(
            f"{given.spelled('system_identifier')} {text!r} is not a system identifier", hint="see pg_controldata"
        )
    return int(text)
