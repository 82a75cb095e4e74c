# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The zoo: SQL with every kind of object, and archives as text that can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dbfleet.postgresql.archive.reader import open_archive
from dbfleet.postgresql.toc import TocEntry
from dbfleet.repository.artifact import open_artifact
from tests import servers

ZOO = Path(__file__).parent / "zoo"
_GUARD = re.compile(r"--- (?:(all) servers|servers (\d+) (?:and later|to (\d+)))")


def zoo_sql(name: str, version: int) -> str:
    """One file of the zoo, with the parts that a server of this series understands.

    Parts begin with a line ``--- all servers``, ``--- servers 12 and later`` or ``--- servers 10 to 13``.
    """
    lines: list[str] = []
    wanted = True
    for line in (ZOO / f"{name}.sql").read_text().splitlines(keepends=True):
        if line.startswith("---"):
            match = _GUARD.fullmatch(line.strip())
            if match is None:
                raise ValueError(f"zoo/{name}.sql: not a guard: {line!r}")
            wanted = bool(match[1]) or int(match[2]) <= version <= int(match[3] or 99)
        elif wanted:
            lines.append(line)
    return "".join(lines)


def fill_with(server: servers.Server, database: str, *names: str) -> None:
    """Run files of the zoo in a database, the roles first."""
    for name in ("roles", *names):
        with server.connect(database) as connection:
            connection.execute(zoo_sql(name, server.version[0]).encode())


@contextmanager
def subscriptions_dropped(server: servers.Server, database: str) -> Iterator[None]:
    """A database with subscriptions cannot be dropped: drop them in the end."""
    try:
        yield
    finally:
        with server.connect(database) as connection:
            names = connection.execute(
                "SELECT quote_ident(subname) FROM pg_subscription"
                " WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).fetchall()
            for (name,) in names:
                # There is no publisher whose slot could be dropped.
                connection.execute(f"ALTER SUBSCRIPTION {name} DISABLE")
                connection.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")
                connection.execute(f"DROP SUBSCRIPTION {name}")


def entries_of(archive: Path) -> list[TocEntry]:
    """The entries of an archive in their order, without those that stand for the database."""
    reader = open_archive(open_artifact(str(archive)))
    try:
        return [entry for entry in reader.entries if not entry.desc.startswith("DATABASE")]
    finally:
        reader.close()


def as_text(entry: TocEntry) -> str:
    """An entry as comparable text: all that a restore goes by, but the numbers, and what only some formats hold."""
    place = f"schema {entry.namespace or ''!r}, section {entry.section}, owner {entry.owner!r}"
    rest = f"catalog {entry.table_oid}, tablespace {entry.tablespace or ''!r}, data {entry.had_dumper}"
    lines = (f"{entry.desc} {entry.tag}", place, rest, entry.defn or "", entry.drop_stmt or "", entry.copy_stmt or "")
    return "\n".join(lines)


def needs(entries: Iterable[TocEntry]) -> dict[str, set[str]]:
    """For every entry all others that come before it by dependency, also indirectly, by their names."""
    found: dict[int, set[str]] = {}
    names: dict[int, str] = {}
    for entry in entries:
        own: set[str] = set()
        for number in entry.dependencies:
            if number in found:
                own |= found[number] | {names[number]}
        found[entry.dump_id] = own
        names[entry.dump_id] = f"{entry.desc} {entry.namespace or ''} {entry.tag}"
    return {names[number]: own for number, own in found.items()}
