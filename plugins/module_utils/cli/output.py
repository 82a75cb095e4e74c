# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Results and errors as the user reads them. What a program reads is ``--json``."""

from __future__ import annotations

import itertools
import json
import typing as t

from ..errors import DbfleetError
from ..running_jobs import parse_running
from .terminal import state_text
from .text import duration_text, printable, size_text, table_text

Data = t.Mapping[str, t.Any]

_VALUES = 4096
_LIST_RIGHT = ("SIZE", "ROWS", "TABLES", "TOOK")
_TABLES_RIGHT = ("ROWS", "BYTES")


def json_line(data: Data) -> t.Iterator[str]:
    """One JSON object on one line, in ASCII, in pieces, as it may be as large as all else that is held."""
    values = json.JSONEncoder(ensure_ascii=True).iterencode(data)
    while True:
        piece = "".join(itertools.islice(values, _VALUES))
        if not piece:
            break
        yield piece
    yield "\n"


def error_data(error: DbfleetError) -> dict[str, t.Any]:
    """What ``--json`` prints for a failure."""
    return {"failed": True, "error": error.details()}


def error_text(error: DbfleetError) -> str:
    hint = f"hint: {_lines(error.hint)}\n" if error.hint else ""
    return f"error: {_lines(error.message)}\n{hint}"


def backup_text(data: Data, *, check: bool) -> str:
    """What a backup did, or in check mode would do."""
    backup = data["backup"]
    if check and data["changed"]:
        facts = [
            ("would write", f"{backup['format']} backup of {_count(backup['table_count'], 'table')}"),
            ("to", backup["path"]),
            ("at most about", size_text(backup["estimated_size"])),
        ]
        return _title(f"database {backup['database']} can be backed up") + _facts(facts)
    if not data["changed"]:
        return _title(f"nothing to do: backup {backup['id']} is young enough") + _facts([("path", backup["path"])])
    return _title(f"backed up database {backup['database']}") + _facts(
        [
            ("id", backup["id"]),
            ("path", backup["path"]),
            ("size", size_text(backup["size"])),
            ("rows", f"{backup['rows']:,} in {_count(backup['table_count'], 'table')}"),
            *_engine(backup),
            ("took", duration_text(backup["duration"])),
        ]
    )


def _engine(backup: Data) -> list[tuple[str, str]]:
    """Who did it, where that was not the engine itself."""
    return [("by", backup["engine_program"])] if backup.get("engine_program") else []


def cluster_backup_text(data: Data, *, check: bool) -> str:
    """What a backup of all databases did, or in check mode would do."""
    planned = check and data["changed"]
    databases = [backup for backup in data["backups"] if backup["database"]]
    if planned:
        planned_rows = [
            (backup["database"], size_text(backup["estimated_size"]), str(backup["table_count"]))
            for backup in databases
        ]
        title = f"{_count(len(databases), 'database')} can be backed up, and the globals"
        return _title(title) + table_text(("DATABASE", "AT MOST", "TABLES"), planned_rows, right=("AT MOST", "TABLES"))
    title = f"backed up {_count(len(databases), 'database')} and the globals as set {data['set']}"
    if not data["changed"]:
        title = f"nothing to do: set {data['set']} is young enough"
    headings = ("DATABASE", "BACKUP", "SNAPSHOT", "SIZE", "ROWS", "TABLES", "TOOK")
    rows = [
        (
            backup["database"] or f"({backup['kind']})",
            backup["id"],
            _moment(backup["snapshot"]),
            size_text(backup["size"]),
            f"{backup['rows']:,}",
            str(backup["table_count"]),
            duration_text(backup["duration"]),
        )
        for backup in data["backups"]
    ]
    note = "all databases show the same moment\n"
    if data["consistency"] == "database":
        note = "every database has a snapshot of its own: the server has none of several databases\n"
    return _title(title) + table_text(headings, rows, right=_LIST_RIGHT) + note


def _moment(snapshot: Data) -> str:
    """A PostgreSQL LSN, or a place in MySQL's binlog; empty where neither is known."""
    if snapshot.get("binlog_file"):
        return f"{snapshot['binlog_file']}:{snapshot['binlog_position']}"
    return str(snapshot.get("lsn", ""))


def restore_text(data: Data, *, check: bool) -> str:
    """What a restore did, or in check mode would do."""
    restore = data["restore"]
    facts = [("from", restore["source"]), ("checked", restore["verified"])]
    if restore["dropped"]:
        facts.append(("would drop" if check else "dropped", _count(len(restore["dropped"]), "object")))
    if check:
        facts.append(("would load", _count(len(restore["tables"]), "table")))
        return _title(f"database {restore['database']} can be restored") + _facts(facts)
    facts += [
        ("rows", f"{restore['rows']:,} in {_count(len(restore['tables']), 'table')}"),
        *_compared(restore.get("checks", {})),
        ("took", duration_text(restore["duration"])),
    ]
    return _title(f"restored database {restore['database']}") + _facts(facts)


def _compared(checks: Data) -> list[tuple[str, str]]:
    """How the restored tables were looked at again."""
    found = checks.get("compared")
    if not found:
        return []
    by_rows = f", {_count(found['rows'], 'table')} by the number of rows only" if found["rows"] else ""
    return [("compared", f"{_count(found['digest'], 'table')} by content{by_rows}")]


def cluster_script_text(data: Data, *, check: bool) -> str:
    """What a script for several databases did, or in check mode would do."""
    restore = data["restore"]
    facts = [("from", restore["source"]), ("checked", restore["verified"])]
    if restore["altered_roles"]:
        roles = ", ".join(f"role {name!r}" for name in restore["altered_roles"])
        facts.append(("would alter" if check else "altered", roles))
    for database in restore["databases"]:
        rows = "" if check else f"{database['rows']:,} rows in {_count(database['table_count'], 'table')}"
        how = "created" if database["created"] else "filled"
        facts.append((f"database {database['database']}", ", ".join(filter(None, (how, rows)))))
    facts.append(("took", duration_text(restore["duration"])))
    what = _count(len(restore["databases"]), "database")
    return _title(f"{what} can be restored" if check else f"restored {what}") + _facts(facts)


def restore_script_text(data: Data, *, check: bool) -> str:
    """Which script was written, or in check mode would be."""
    restore = data["restore"]
    facts = [("from", restore["source"]), ("checked", restore["verified"])]
    if check:
        return _title(f"the script {restore['file']} can be written") + _facts(facts)
    facts += [
        ("rows", f"{restore['rows']:,} in {_count(len(restore['tables']), 'table')}"),
        ("took", duration_text(restore["duration"])),
    ]
    return _title(f"wrote the script {restore['file']}") + _facts(facts)


def cluster_restore_text(data: Data, *, check: bool) -> str:
    """What a restore of a set did, or in check mode would do."""
    restore = data["restore"]
    if "globals" not in restore:
        return cluster_script_text(data, check=check)
    found = restore["globals"]
    facts = [
        ("from", restore["source"]),
        ("checked", restore["verified"]),
        ("would create" if check else "created", ", ".join(found["created"]) or "no role and no tablespace"),
        *(
            (f"would alter {name}" if check else f"altered {name}", ", ".join(what))
            for name, what in found["altered"].items()
        ),
        *((f"left as is: {name}", f"differs in {', '.join(what)}") for name, what in found["differing"].items()),
    ]
    for database in restore["databases"]:
        rows = "" if check else f"{database['rows']:,} rows in {_count(database['table_count'], 'table')}"
        how = "created" if database["created"] else "restored into"
        facts.append((f"database {database['database']}", ", ".join(filter(None, (how, rows)))))
    facts.append(("took", duration_text(restore["duration"])))
    what = f"{_count(len(restore['databases']), 'database')} and the globals" if restore["databases"] else "the globals"
    return _title(f"{what} can be restored" if check else f"restored {what}") + _facts(facts)


def info_text(data: Data) -> str:
    """The catalogue as a table, one backup with its tables, or what an archive holds."""
    if "contents" in data:
        from .contents_text import contents_text

        return contents_text(data["contents"])
    if "backup" in data:
        return _one_backup(data["backup"])
    running = _running_text(data.get("running", ()))
    if not data["backups"]:
        return f"no backups\n{running}"
    headings = ("CLUSTER", "DATABASE", "BACKUP", "SERVER", "FORMAT", "SIZE", "ROWS", "TABLES", "TOOK")
    listed = table_text(headings, [_list_row(backup) for backup in data["backups"]], right=_LIST_RIGHT)
    sets = [
        (
            found["cluster"],
            found["id"],
            f"{_count(len(found['databases']), 'database')} and the globals",
            f"incomplete: {', '.join(map(repr, found['missing']))} missing" if found["missing"] else "complete",
        )
        for found in data.get("sets", ())
    ]
    listed += "\n" + table_text(("CLUSTER", "SET", "OF", "STATE"), sets) if sets else ""
    windows = [_window_row(window) for window in data.get("windows", ())]
    within_reach = ("CLUSTER", "DATABASE", "ANY MOMENT FROM", "TO", "WITH BACKUP", "GAP")
    return listed + ("\n" + table_text(within_reach, windows) if windows else "") + running


def _running_text(running: t.Sequence[Data]) -> str:
    """The jobs that are at work."""
    rows = []
    for job in running:
        progress = parse_running(json.dumps(job["progress"])) if job["progress"] else None
        state = state_text(progress.state, now=progress.seconds) if progress is not None else "at work"
        rows.append((job["purpose"], f"process {job['pid']} on {job['host']}", state))
    return "\n" + table_text(("RUNNING", "WHERE", "STATE"), rows) if rows else ""


def _window_row(window: Data) -> tuple[str, ...]:
    """The time that binlogs put within reach from a backup."""
    moments = (window["begins"]["time"], window["ends"]["time"])
    return (window["cluster"], window["database"], *moments, window["backup"], window["gap"] or "-")


def _list_row(backup: Data) -> tuple[str, ...]:
    return (
        backup["cluster"],
        backup["database"] or f"({backup['kind']})",
        backup["id"] if backup.get("good", True) else f"{backup['id']} BAD",
        _server(backup),
        f"{backup['format']} {backup['compression']}",
        size_text(backup["size"]),
        f"{backup['rows']:,}",
        str(backup["table_count"]),
        duration_text(backup["duration"]),
    )


def _one_backup(backup: Data) -> str:
    facts = [
        ("kind", backup["kind"]),
        ("server", f"{_server(backup)}, {backup['server']['host']} port {backup['server']['port']}"),
        ("cluster", backup["cluster"]),
        ("database", backup["database"] or f"({backup['kind']})"),
        *([("set", backup["set"])] if backup["set"] else []),
        ("path", backup["path"]),
        ("format", f"{backup['format']}, {backup['compression']}"),
        ("size", f"{size_text(backup['size'])} in {_count(len(backup['checksums']), 'file')}"),
        *(
            [("encrypted", f"{backup['encryption']}, to {', '.join(backup['recipients'])}")]
            if backup["encryption"]
            else []
        ),
        *_inside(backup),
        ("snapshot", ", ".join(f"{name} {value}" for name, value in backup["snapshot"].items())),
        ("started", backup["started_at"]),
        ("took", duration_text(backup["duration"])),
        ("written by", f"dbfleet {backup['engine_version']}"),
        *(("warning", warning) for warning in backup["warnings"]),
        *_marks(backup),
    ]
    rows = [
        (f"{table['schema']}.{table['name']}", f"{table['rows']:,}", f"{table['bytes']:,}", table["sha256"][:16])
        for table in backup["tables"]
    ]
    title = _title(f"backup {backup['id']}") + _facts(facts)
    if backup["kind"] == "physical":
        return title
    return title + "\n" + table_text(("TABLE", "ROWS", "BYTES", "SHA-256"), rows, right=_TABLES_RIGHT)


def _inside(backup: Data) -> list[tuple[str, str]]:
    """What a backup holds."""
    if backup["kind"] == "physical":
        builds_on = backup["options"].get("incremental")
        return [("builds on", builds_on)] if builds_on else []
    objects = ", ".join(f"{count} {kind}" for kind, count in sorted(backup["objects"].items()))
    return [("rows", f"{backup['rows']:,} in {_count(backup['table_count'], 'table')}"), ("objects", objects)]


def _marks(backup: Data) -> list[tuple[str, str]]:
    """What became known of a backup after it was finished; a plain file has no marks."""
    hold = backup.get("hold")
    facts = []
    if hold:
        facts.append(("on hold", " ".join(filter(None, (hold["until"] and f"until {hold['until']}", hold["reason"])))))
    for one in backup.get("verifications", ()):
        outcome = "passed" if one["passed"] else f"FAILED: {'; '.join(one['findings'][:3])}"
        facts.append(("verified", f"{one['level']} at {one['verified_at']}: {outcome}"))
    return facts


def _server(backup: Data) -> str:
    return f"{backup['dbms']} {backup['server']['version']}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _title(text: str) -> str:
    return printable(text) + "\n"


def _facts(facts: t.Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _value in facts)
    return "".join(f"  {name.ljust(width)}  {printable(str(value))}\n" for name, value in facts)


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())
