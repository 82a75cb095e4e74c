# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for restoring a physical backup to a moment, out of the options that were given."""

from __future__ import annotations

import datetime
import os
import re

from ..errors import UsageError
from ..postgresql.physical_restore.recovery import LATEST, RecoveryTarget
from ..postgresql.replication.lsn import parse_lsn
from ..wal_restore_plan import WalRestoreRequest
from .access import access_of
from .given import Given
from .options_wal_restore import DEFAULT_ACTION, TARGETS
from .required import required

_TIMELINES = (LATEST, "current")
_HIGHEST_XID = 1 << 64
_SHORT_ZONE = re.compile(r"(?<=[0-9])([+-][0-9]{2})([0-9]{2})?\Z")


def wal_restore_request(given: Given, *, check: bool) -> WalRestoreRequest:
    """Which backup to restore where, and how far the server shall recover.

    :param given: of the job ``wal_restore``.
    :raises UsageError: options contradict each other or a value is not valid.
    """
    if not given.has("source"):
        required(given, "repository")
    elif given.has("backup") and given.text("backup") != "latest":
        raise UsageError(f"{given.spelled('source')} and {given.spelled('backup')} exclude each other")
    elif given.has("cluster"):
        given.only_with("cluster", "repository")
    for name in ("server_programs", "config_file"):
        if given.has(name) and not (given.switch("recover") or given.switch("start")):
            raise UsageError(
                f"{given.spelled(name)} means something only together with {given.spelled('start')} or "
                f"{given.spelled('recover')}"
            )
    return WalRestoreRequest(
        data_folder=os.path.abspath(required(given, "data_folder")),
        target=_target(given),
        repository=given.text("repository"),
        source=given.text("source"),
        cluster=given.text("cluster"),
        backup=given.text("backup") or "latest",
        owner=given.text("owner"),
        tablespace_mapping=tuple(_mapping(text) for text in given.texts("tablespace_mapping")),
        delta=given.switch("delta"),
        restore_command=given.text("restore_command"),
        archive_off=given.switch("disable_archiving"),
        recover=given.switch("recover"),
        start=given.switch("start"),
        server_programs=given.text("server_programs"),
        config_file=os.path.abspath(given.text("config_file")) if given.has("config_file") else "",
        check=check,
        access=access_of(given),
    )


def _target(given: Given) -> RecoveryTarget:
    given.at_most_one(*TARGETS)
    if given.has("target_exclusive") and not any(given.has(name) for name in TARGETS[:3]):
        raise UsageError(
            f"{given.spelled('target_exclusive')} means something only with a time, an LSN or a transaction"
        )
    timeline = given.text("target_timeline") or LATEST
    if timeline not in _TIMELINES and not (timeline.isascii() and timeline.isdigit() and int(timeline) > 0):
        raise UsageError(f"{timeline!r} is no timeline", hint="give a number, latest or current")
    return RecoveryTarget(
        time=_time(given.text("target_time")) if given.has("target_time") else None,
        lsn=parse_lsn(given.text("target_lsn")) if given.has("target_lsn") else None,
        xid=_xid(given.text("target_xid")) if given.has("target_xid") else None,
        name=given.text("target_name"),
        immediate=given.switch("target_immediate"),
        exclusive=given.switch("target_exclusive"),
        timeline=timeline,
        action=given.text("target_action") or DEFAULT_ACTION,
    )


def _time(text: str) -> datetime.datetime:
    """An aware time out of what ISO 8601 and PostgreSQL write."""
    plain = text.strip().replace("Z", "+00:00").replace(" UTC", "+00:00")
    # Python before 3.11 wants the minutes of a zone, and three or six digits behind the second.
    head, dot, rest = plain.partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        plain = f"{head}.{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    if ":" in plain:
        plain = _SHORT_ZONE.sub(lambda found: f"{found.group(1)}:{found.group(2) or '00'}", plain)
    try:
        moment = datetime.datetime.fromisoformat(plain)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", hint="write it as 2026-11-22 03:15:00+01:00") from error
    # What has no zone is meant in that of this host.
    return moment.astimezone(datetime.timezone.utc)


def _xid(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 2 < int(text) < _HIGHEST_XID:
        raise UsageError(f"{text!r} is no transaction", hint="give the number that txid_current() or a log names")
    # What functions return has the epoch in the upper half; records have not.
    return int(text) & 0xFFFFFFFF


def _mapping(text: str) -> tuple[str, str]:
    """``OLD=NEW``; an equals sign in a path has a backslash before it, as pg_basebackup wants it."""
    parts = text.replace("\\=", "\0").split("=")
    old, new = (part.replace("\0", "=") for part in parts) if len(parts) == 2 else ("", "")
    if not (old.isdigit() or os.path.isabs(old)) or not os.path.isabs(new):
        raise UsageError(
            f"{text!r} does not say which tablespace goes where",
            hint="write /old/folder=/new/folder, or the tablespace's OID before the equals sign",
        )
    return (old if old.isdigit() else os.path.normpath(old)), os.path.normpath(new)
