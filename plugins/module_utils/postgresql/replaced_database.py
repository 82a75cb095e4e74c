# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Putting a restored database in the place of one that exists, and removing what killed restores left behind."""

from __future__ import annotations

import secrets
import time

from ..errors import DbfleetError, PrivilegeError, QueryError, RestoreError, UsageError
from ..progress import Progress
from .new_database import UNFINISHED_PREFIX
from .preflight import Report
from .quoting import identifier, literal
from .session import Session
from .text import to_bytes, to_text

_LONGEST_NAME = 63
_SUFFIX = "_replaced_"
_IN_USE = "55006"
_ATTEMPTS = 5
_END_SESSIONS = (
    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity "
    "WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()"
)
_OWNED = """
    SELECT pg_catalog.pg_has_role(datdba, 'USAGE'), datistemplate, datname = pg_catalog.current_database()
    FROM pg_catalog.pg_database WHERE datname = $1
"""
# What stands at a database that gave way: it was to be dropped, whatever became of the restore that said so.
_GAVE_WAY = "replaced by a restore of dbfleet, to be dropped"
_MOVED_AWAY = """
    SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.shobj_description(oid, 'pg_database') = $1
"""
# Those of a restore that is running are left alone: while another session of ours is on the server, all are.
_LEFT_BEHIND = f"""
    SELECT datname FROM pg_catalog.pg_database d
    WHERE datname ~ '^{UNFINISHED_PREFIX}[0-9a-f]{{16}}$' AND pg_catalog.pg_has_role(datdba, 'USAGE')
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
        AND NOT EXISTS (
            SELECT 1 FROM pg_catalog.pg_stat_activity a
            WHERE a.application_name LIKE 'dbfleet%' AND a.pid <> pg_catalog.pg_backend_pid()
        )
"""


def check_replacement(session: Session, name: str, report: Report) -> None:
    """Whether an existing database can be replaced."""
    for owned, template, here in session.rows(_OWNED, (name,)):
        if owned != "t":
            report.add(
                PrivilegeError,
                "the user does not own it and cannot replace it",
                "connect as the database's owner or a superuser",
            )
        if template == "t":
            report.add(UsageError, "it is a template, which is not replaced", "choose another target")
        if here == "t":
            report.add(
                UsageError,
                "it is the maintenance database that the restore is connected to",
                "name another maintenance database",
            )


def replace_database(maintenance: Session, unfinished: str, name: str, progress: Progress) -> None:
    """Give the new database the name of the old one, which is moved away in the same transaction and then dropped.

    Sessions in the old database are ended. Whatever ends this early, there is one of both under the name; an old one
    that was not dropped any more is, by the next restore that replaces the database.

    :param unfinished: what the new one is called up to now.
    :raises RestoreError: sessions came back faster than they were ended; everything is as it was.
    :raises QueryError: for any other reason; everything is as it was.
    """
    aside = _aside(name)
    for attempt in range(_ATTEMPTS):
        maintenance.query(_END_SESSIONS, (name,))
        maintenance.execute("BEGIN")
        try:
            maintenance.execute(f"ALTER DATABASE {identifier(name)} RENAME TO {identifier(aside)}")
            maintenance.execute(f"COMMENT ON DATABASE {identifier(aside)} IS {literal(_GAVE_WAY)}")
            maintenance.execute(f"ALTER DATABASE {identifier(unfinished)} RENAME TO {identifier(name)}")
            maintenance.execute("COMMIT")
            break
        except QueryError as error:
            maintenance.execute("ROLLBACK")
            if error.context.get("sqlstate") != _IN_USE:
                raise
            if attempt + 1 == _ATTEMPTS:
                raise RestoreError(
                    f"the database {name!r} could not be replaced: sessions came back to it as fast as they were ended",
                    hint="stop what connects to it, then restore again",
                    database=name,
                ) from error
    # A restore that was killed here has left its old database, which is not to be told from this one's.
    for (old,) in maintenance.rows(_MOVED_AWAY, (_GAVE_WAY,)):
        if _stem(old) != _stem(aside):
            continue
        try:
            maintenance.execute(f"DROP DATABASE IF EXISTS {identifier(old)}")
        except DbfleetError as error:
            progress.warn(f"the old database is still there, as {old!r}: {error.message}")


def sweep(maintenance: Session, progress: Progress) -> None:
    """Remove the databases that restores which were killed have left unfinished."""
    for (name,) in maintenance.rows(_LEFT_BEHIND):
        try:
            maintenance.execute(f"DROP DATABASE IF EXISTS {identifier(name)}")
        except DbfleetError as error:
            progress.warn(f"the unfinished database {name} of an earlier restore could not be removed: {error.message}")
        else:
            progress.warn(f"the unfinished database {name} of an earlier restore was removed")


def _aside(name: str) -> str:
    """A name that says what it is, no longer than the server allows; characters are never cut through."""
    suffix = f"{_SUFFIX}{time.strftime('%Y%m%d%H%M%S', time.gmtime())}_{secrets.token_hex(2)}"
    whole = to_bytes(name)
    length = min(len(whole), _LONGEST_NAME - len(suffix))
    while length < len(whole) and whole[length] & 0xC0 == 0x80:
        length -= 1
    return to_text(whole[:length]) + suffix


def _stem(aside: str) -> str:
    return aside.rpartition(_SUFFIX)[0]
