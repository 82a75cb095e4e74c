# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is checked on the target before a restore changes anything. Every check reads only."""

from __future__ import annotations

import typing as t

from ..errors import NotFoundError, PrivilegeError, TargetNotEmptyError, UsageError
from . import compatibility, quoting
from .grants import Grants, read_grants
from .script_summary import ScriptSummary
from .session import Session
from .statements import LOAD

_TABLE_KINDS = {"VIEW": "view", "SEQUENCE": "sequence"}
_NAMED_AT_MOST = 10

# What each kind of statement needs, as SHOW GRANTS names it.
_PRIVILEGES = {
    ("INSERT", "TABLE"): ("INSERT",),
    ("REPLACE", "TABLE"): ("INSERT", "DELETE"),
    (LOAD, "TABLE"): ("INSERT",),
    ("CREATE", "TABLE"): ("CREATE",),
    ("CREATE", "SEQUENCE"): ("CREATE",),
    ("DROP", "TABLE"): ("DROP",),
    ("DROP", "VIEW"): ("DROP",),
    ("DROP", "SEQUENCE"): ("DROP",),
    ("ALTER", "TABLE"): ("ALTER",),
    ("LOCK", "TABLE"): ("LOCK TABLES", "SELECT"),
    ("CREATE", "VIEW"): ("CREATE VIEW",),
    ("CREATE", "TRIGGER"): ("TRIGGER",),
    ("CREATE", "PROCEDURE"): ("CREATE ROUTINE",),
    ("CREATE", "FUNCTION"): ("CREATE ROUTINE",),
    ("CREATE", "PACKAGE"): ("CREATE ROUTINE",),
    ("CREATE", "PACKAGE BODY"): ("CREATE ROUTINE",),
    ("DROP", "PROCEDURE"): ("ALTER ROUTINE",),
    ("DROP", "FUNCTION"): ("ALTER ROUTINE",),
    ("CREATE", "EVENT"): ("EVENT",),
}
_DEFINER_PRIVILEGES = ("SUPER", "SET_USER_ID", "SET_ANY_DEFINER", "SET USER")
_READ_ONLY_PRIVILEGES = ("SUPER", "CONNECTION_ADMIN", "READ_ONLY ADMIN", "READ ONLY ADMIN")

# Views first, so that nothing is dropped from under another object; package bodies go with their packages.
_DROP_ORDER = ("event", "trigger", "view", "package body", "package", "function", "procedure", "library", "table")
_RANK = {kind: position for position, kind in enumerate(_DROP_ORDER)}

Inventory = dict[tuple[str, str], str]


def database_exists(session: Session, database: str) -> bool:
    """Whether the connected user can see a database of exactly this name."""
    rows = session.query(
        f"SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {quoting.literal(database)}"
    )
    if session.variables.get("lower_case_table_names", "0") != "0":
        return bool(rows)
    return any(name == database for (name,) in rows)


def inventory(session: Session, database: str) -> Inventory:
    """Everything in a database that the user can see: kind and name, with the table for triggers (else empty)."""
    where = f"WHERE %s = {quoting.literal(database)}"
    found: Inventory = {}
    for name, kind in session.each(
        "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES " + where % "TABLE_SCHEMA"
    ):
        found[_TABLE_KINDS.get(kind or "", "table"), name or ""] = ""
    for row in session.records(
        "SELECT ROUTINE_NAME AS name, ROUTINE_TYPE AS kind FROM information_schema.ROUTINES " + where % "ROUTINE_SCHEMA"
    ):
        found[(row["kind"] or "").lower(), row["name"] or ""] = ""
    for row in session.records("SELECT EVENT_NAME AS name FROM information_schema.EVENTS " + where % "EVENT_SCHEMA"):
        found["event", row["name"] or ""] = ""
    for row in session.records(
        "SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS on_table FROM information_schema.TRIGGERS "
        + where % "TRIGGER_SCHEMA"
    ):
        found["trigger", row["name"] or ""] = row["on_table"] or ""
    if (
        session.scalar(
            "SELECT COUNT(*) FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'LIBRARIES'"
        )
        != "0"
    ):
        for row in session.records(
            "SELECT LIBRARY_NAME AS name FROM information_schema.LIBRARIES " + where % "LIBRARY_SCHEMA"
        ):
            found["library", row["name"] or ""] = ""
    return found


def check_target(session: Session, database: str, *, create: bool, clean: bool, force: bool) -> Inventory:
    """The target exists or can be created, and is empty unless told otherwise; what it holds.

    :raises NotFoundError, UsageError, TargetNotEmptyError: it is not as asked.
    """
    if not database_exists(session, database):
        if create:
            return {}
        raise NotFoundError(
            f"there is no database {database!r} on {session.address} that this user can see",
            hint="create it, or let the restore create it",
            database=database,
        )
    if create:
        raise UsageError(
            f"the database {database!r} exists on {session.address} and was to be created",
            hint="leave out create, or choose another name",
            database=database,
        )
    found = inventory(session, database)
    if found and not (clean or force):
        raise TargetNotEmptyError(
            f"the database {database!r} is not empty: {_named(found)}",
            hint="choose an empty target, clean to drop what the backup replaces, or force to restore into it as it is",
            database=database,
            objects=len(found),
        )
    return found


def drops(summary: ScriptSummary, present: Inventory) -> tuple[tuple[str, str], ...]:
    """What clean drops: kind (as it is in the target) and name of everything that stands in the backup's way.

    Tables, views and sequences share their names; triggers go with their tables.
    """
    relations = set(summary.names("table", "view", "sequence"))
    others = set(summary.objects)
    found = []
    for (kind, name), on_table in present.items():
        if kind in ("table", "view", "sequence"):
            wanted = name in relations
        elif kind == "trigger":
            wanted = (kind, name) in others and on_table not in relations
        else:
            wanted = (kind, name) in others
        if wanted:
            found.append((kind, name))
    return tuple(sorted(found, key=lambda one: (_RANK.get(one[0], len(_RANK)), one[1])))


def made_before(summary: ScriptSummary, present: Inventory) -> tuple[tuple[str, str], ...]:
    """Kind and name of everything in the target that the backup holds, triggers too, in the order of dropping it."""
    relations = set(summary.names("table", "view", "sequence"))
    others = set(summary.objects)
    found = [
        (kind, name)
        for kind, name in present
        if (kind, name) in others or (kind in ("table", "view", "sequence") and name in relations)
    ]
    return tuple(sorted(found, key=lambda one: (_RANK.get(one[0], len(_RANK)), one[1])))


def drop(session: Session, objects: t.Iterable[tuple[str, str]]) -> None:
    """Drop objects of the session's database, given by kind and name; without looking at foreign keys."""
    session.execute("SET SESSION foreign_key_checks = 0")
    for kind, name in objects:
        session.execute(f"DROP {kind.upper()} IF EXISTS {quoting.identifier(name)}")
    session.execute("SET SESSION foreign_key_checks = 1")


def check_server(session: Session, summary: ScriptSummary) -> None:
    """The target can hold what the script brings.

    :raises UsageError: it surely cannot; the message names what and where.
    """
    compatibility.check(session, summary)
    if (LOAD, "TABLE") in summary.actions and session.variables.get("local_infile") == "OFF":
        raise UsageError(
            "the folder loads files (LOAD DATA LOCAL), and the target does not take them (local_infile is OFF)",
            hint="SET GLOBAL local_infile = ON on the target for the time of the restore",
        )
    limit = int(session.variables.get("max_allowed_packet", "0"))
    size, where = summary.largest
    # The command's own byte counts too, and the limit itself is not allowed.
    if limit and size + 1 >= limit:
        raise UsageError(
            f"the statement at {where} has {size} bytes, too much for the target's max_allowed_packet of {limit}",
            hint=f"raise it on the target: SET GLOBAL max_allowed_packet = {_next_packet_size(size)}",
        )


def check_references(summary: ScriptSummary, target: str) -> None:
    """No definition would go on reading or writing the database that was backed up.

    :raises UsageError: some do; they are named.
    """
    if summary.foreign_references:
        names = summary.foreign_references
        raise UsageError(
            f"the backup of {summary.database} cannot be restored as {target}: these definitions name "
            f"{summary.database} itself and would go on using it: {', '.join(names[:_NAMED_AT_MOST])}",
            hint=f"restore into a database of the name {summary.database} (on another server, if need be)",
            objects=list(names),
        )


def check_privileges(session: Session, summary: ScriptSummary, database: str, *, clean: bool) -> list[str]:
    """The user may do what the script does, as far as SHOW GRANTS tells; warnings about accounts.

    :raises PrivilegeError: a privilege is certainly missing.
    """
    grants = read_grants(session)
    _check_read_only(session, grants)
    needed = {privilege for action in summary.actions for privilege in _PRIVILEGES.get(action, ())}
    if clean:
        needed |= {"DROP"}
    missing = sorted(privilege for privilege in needed if grants.lacks(privilege, database))
    if missing:
        raise PrivilegeError(
            f"user {grants.user} lacks {', '.join(missing)} on {database}",
            hint=f"GRANT {', '.join(missing)} ON {quoting.identifier(database)}.* TO the user",
            missing=missing,
        )
    _check_function_creators(session, grants, summary)
    return _check_definers(session, grants, summary)


def _check_read_only(session: Session, grants: Grants) -> None:
    super_read_only = session.variables.get("super_read_only", "OFF") == "ON"
    read_only = session.variables.get("read_only", "OFF") not in ("OFF", "0")
    if super_read_only or (read_only and grants.lacks_all(_READ_ONLY_PRIVILEGES)):
        raise PrivilegeError(
            f"the server {session.address} is read-only",
            hint="is it a replica? restore into the primary, or SET GLOBAL read_only = OFF",
        )


def _check_function_creators(session: Session, grants: Grants, summary: ScriptSummary) -> None:
    if session.variables.get("log_bin") != "ON" or session.variables.get("log_bin_trust_function_creators") != "OFF":
        return
    made = summary.names("trigger", "function")
    if made and grants.lacks_all(("SUPER",)):
        raise PrivilegeError(
            f"the server has its binary log on and lets only SUPER create triggers and functions ({made[0]})",
            hint="SET GLOBAL log_bin_trust_function_creators = 1 on the target, or restore as a user with SUPER",
        )


def _check_definers(session: Session, grants: Grants, summary: ScriptSummary) -> list[str]:
    me = session.scalar("SELECT CURRENT_USER()") or ""
    others = {owner: label for owner, label in summary.definers.items() if "@".join(owner) != me}
    if others and grants.lacks_all(_DEFINER_PRIVILEGES):
        (user, host), label = next(iter(others.items()))
        raise PrivilegeError(
            f"{label} runs as {user}@{host}, and user {me} may not create objects that run as others",
            hint="grant SET_ANY_DEFINER (MySQL 8.2 and later), SET_USER_ID (8.0), SET USER (MariaDB 10.5 and later) or "
            "SUPER, or restore as such a user",
            definers=[f"{one}@{at}" for one, at in others],
        )
    missing = _missing_accounts(session, others)
    return [
        f"the account {user}@{host}, as which {others[user, host]} runs, does not exist on the target: "
        "what runs as it fails until it is created"
        for user, host in missing
    ]


def _missing_accounts(session: Session, owners: t.Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    missing = []
    for user, host in owners:
        try:
            named = f"User = {quoting.literal(user)} AND Host = {quoting.literal(host)}"
            count = session.scalar(f"SELECT COUNT(*) FROM mysql.user WHERE {named}")
        except PrivilegeError:
            # Who may not read the accounts cannot know; the server itself checks again.
            return []
        if count == "0":
            missing.append((user, host))
    return missing


def _next_packet_size(size: int) -> int:
    return min(1 << 30, max(1 << 26, 1 << size.bit_length()))


def _named(found: t.Iterable[tuple[str, str]]) -> str:
    names = [f"{kind} {name}" for kind, name in found]
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more
