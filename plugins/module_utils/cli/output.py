# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Results and errors as the user reads them. What a program reads is ``--json``."""

from __future__ import annotations

import json
import typing as t

from ..errors import DbfleetError
from .contents_text import contents_text
from .text import duration_text, printable, size_text, table_text

Data = t.Mapping[str, t.Any]

_LIST_RIGHT = ("SIZE", "ROWS", "TABLES", "TOOK")
#: What stands for the database of a backup of what belongs to none.
_GLOBALS = "(globals)"
_TABLES_RIGHT = ("ROWS", "BYTES")


def json_line(data: Data) -> str:
    """One JSON object on one line, in ASCII."""
    return json.dumps(data, ensure_ascii=True) + "\n"


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
            ("took", duration_text(backup["duration"])),
        ]
    )


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
            backup["database"] or _GLOBALS,
            backup["id"],
            str(backup["snapshot"].get("lsn", "")),
            size_text(backup["size"]),
            f"{backup['rows']:,}",
            str(backup["table_count"]),
            duration_text(backup["duration"]),
        )
        for backup in data["backups"]
    ]
    note = "every database has a snapshot of its own: the server has none of several databases\n"
    return _title(title) + table_text(headings, rows, right=_LIST_RIGHT) + note


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
        ("took", duration_text(restore["duration"])),
    ]
    return _title(f"restored database {restore['database']}") + _facts(facts)


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
    return _title(f"the script can be run: {what}" if check else f"ran the script: {what}") + _facts(facts)


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
        return contents_text(data["contents"])
    if "backup" in data:
        return _one_backup(data["backup"])
    if not data["backups"]:
        return "no backups\n"
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
    return listed + ("\n" + table_text(("CLUSTER", "SET", "OF", "STATE"), sets) if sets else "")


def _list_row(backup: Data) -> tuple[str, ...]:
    return (
        backup["cluster"],
        backup["database"] or _GLOBALS,
        backup["id"],
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
        ("database", backup["database"] or _GLOBALS),
        *([("set", backup["set"])] if backup["set"] else []),
        ("path", backup["path"]),
        ("format", f"{backup['format']}, {backup['compression']}"),
        ("size", f"{size_text(backup['size'])} in {_count(len(backup['checksums']), 'file')}"),
        ("rows", f"{backup['rows']:,} in {_count(backup['table_count'], 'table')}"),
        ("objects", ", ".join(f"{count} {kind}" for kind, count in sorted(backup["objects"].items()))),
        ("snapshot", ", ".join(f"{name} {value}" for name, value in backup["snapshot"].items())),
        ("started", backup["started_at"]),
        ("took", duration_text(backup["duration"])),
        ("written by", f"dbfleet {backup['engine_version']}"),
        *(("warning", warning) for warning in backup["warnings"]),
    ]
    rows = [
        (f"{table['schema']}.{table['name']}", f"{table['rows']:,}", f"{table['bytes']:,}", table["sha256"][:16])
        for table in backup["tables"]
    ]
    tables = table_text(("TABLE", "ROWS", "BYTES", "SHA-256"), rows, right=_TABLES_RIGHT)
    return _title(f"backup {backup['id']}") + _facts(facts) + "\n" + tables


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
