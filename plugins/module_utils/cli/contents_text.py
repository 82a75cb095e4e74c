# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What an archive or a script holds, as a person reads it; a list of an archive's contents can be edited and used."""

from __future__ import annotations

import datetime
import time
import typing as t

from .text import printable, table_text

Data = t.Mapping[str, t.Any]

_LEFT_OUT = frozenset(("ENCODING", "STDSTRINGS", "SEARCHPATH", "DATABASE", "DATABASE PROPERTIES"))
_FOLLOWERS = frozenset(("ACL", "COMMENT", "SECURITY LABEL"))
_SCRIPTS = {
    "server": "a dump of a whole PostgreSQL server, as a script",
    "database": "a dump of a PostgreSQL database, as a script",
    "": "a SQL script that does not say that it is a dump",
}
_HEADINGS = ("DATABASE", "TABLE", "ROWS", "BYTES")


def contents_text(contents: Data) -> str:
    """What :func:`dbfleet.postgresql.archive_info.archive_contents` found.

    An archive's is the list that ``pg_restore -l`` prints, which can be edited and given to a restore (``--use-list``).
    """
    return archive_list(contents) if contents["kind"] == "archive" else _script_text(contents)


def archive_list(archive: Data) -> str:
    """The list of an archive's contents, with a word about damage if there is any."""
    created = time.localtime(datetime.datetime.fromisoformat(archive["created_at"]).timestamp())
    entries = archive["entries"]
    head = [
        "",
        f"Archive created at {time.strftime('%Y-%m-%d %H:%M:%S %Z', created)}",
        f"    dbname: {_one_line(archive['database'])}",
        f"    TOC Entries: {len(entries)}",
        f"    Compression: {archive['compression']}",
        f"    Dump Version: {archive['archive_version']}-0",
        f"    Format: {archive['format'].upper()}",
        f"    Integer: {archive['integer_size']} bytes",
        f"    Offset: {archive['offset_size']} bytes",
        f"    Dumped from database version: {_one_line(archive['server_version'])}",
        f"    Dumped by pg_dump version: {_one_line(archive['dump_version'])}",
        "",
        *([] if archive["complete"] else [f"NOT COMPLETE: {_one_line(archive['problem'])}", ""]),
        "",
        "Selected TOC Entries:",
        "",
    ]
    lines = [f"; {line}".rstrip() + "\n" for line in head]
    return "".join([*lines, *(_entry_line(entry) for entry in entries if _is_listed(entry))])


def _is_listed(entry: Data) -> bool:
    about_database = entry["kind"] in _FOLLOWERS and entry["name"].startswith("DATABASE ")
    return entry["kind"] not in _LEFT_OUT and not about_database


def _entry_line(entry: Data) -> str:
    names = " ".join((entry["kind"], _one_line(entry["schema"] or "-"), _one_line(entry["name"])))
    return f"{entry['id']}; {entry['catalog_oid']} {entry['oid']} {names} {_one_line(entry['owner'])}\n"


def _one_line(text: str) -> str:
    """As pg_restore has it, with spaces for line breaks; what would move a terminal's cursor is escaped."""
    text = text.replace("\r", " ").replace("\n", " ")
    return "\t".join(map(printable, text.split("\t")))


def _script_text(script: Data) -> str:
    facts = [
        ("server", script["server_version"] or "not said"),
        ("written by", script["dump_version"] or "not said"),
        ("complete", f"no: {script['problem']}" if script["problem"] else "yes"),
        *([("connects to", ", ".join(script["databases"]))] if script["databases"] else []),
        ("objects", ", ".join(f"{count} {kind}" for kind, count in sorted(script["objects"].items())) or "none"),
    ]
    width = max(len(name) for name, _value in facts)
    text = "".join(f"  {name.ljust(width)}  {printable(value)}\n" for name, value in facts)
    rows = [
        (
            table["database"],
            f"{table['schema']}.{table['name']}" if table["schema"] else table["name"],
            f"{table['rows']:,}",
            f"{table['bytes']:,}",
        )
        for table in script["tables"]
    ]
    several = any(row[0] for row in rows)
    start = 0 if several else 1
    tables = table_text(_HEADINGS[start:], [row[start:] for row in rows], right=("ROWS", "BYTES")) if rows else ""
    return f"{_SCRIPTS[script['of']]}\n{text}" + (f"\n{tables}" if tables else "")
