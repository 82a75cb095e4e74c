# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The zoo: SQL with every kind of object, and how what we make of it is compared with what the genuine pg_dump does."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dbfleet.postgresql.archive.reader import open_archive
from dbfleet.postgresql.catalog.base import SATELLITE_KINDS, DatabaseObject, Entry
from dbfleet.postgresql.catalog.column import Columns
from dbfleet.postgresql.catalog.context import Catalog, Definitions
from dbfleet.postgresql.connection import connect
from dbfleet.postgresql.toc import TocEntry
from dbfleet.repository.artifact import open_artifact
from tests import servers
from tests.integration.postgresql.restore_support import connection_options, pg_dump

ZOO = Path(__file__).parent / "zoo"
NEWEST_CLIENT = 18
_GUARD = re.compile(r"--- (?:(all) servers|servers (\d+) (?:and later|to (\d+)))")

KindReader = Callable[[Catalog], Iterable[DatabaseObject]]


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


@dataclasses.dataclass(frozen=True)
class Written:
    """What an entry says, without what depends on the order (numbers and dependencies)."""

    desc: str
    tag: str
    namespace: str
    section: int
    owner: str
    defn: str
    drop: str
    tablespace: str | None
    table_am: str | None
    relkind: str
    copy_stmt: str
    had_dumper: bool
    catalog: int
    oid: int


def genuine_entries(
    server: servers.Server, database: str, folder: Path, *args: str, client: int = NEWEST_CLIENT
) -> list[Written]:
    """The table of contents of pg_dump's own archive."""
    path = pg_dump(server, database, folder / "genuine.dump", *args, version=client)
    reader = open_archive(open_artifact(str(path)))
    try:
        return [_of_toc(entry) for entry in reader.entries]
    finally:
        reader.close()


def _of_toc(entry: TocEntry) -> Written:
    return Written(
        entry.desc, entry.tag, entry.namespace or "", entry.section, entry.owner, entry.defn or "",
        entry.drop_stmt or "", entry.tablespace or None, entry.table_am or None, entry.relkind, entry.copy_stmt or "",
        entry.had_dumper, entry.table_oid, entry.oid,
    )  # fmt: skip


def our_entries(server: servers.Server, database: str, readers: Sequence[KindReader]) -> list[Written]:
    """What the kinds' files make of a database."""
    session = connect(connection_options(server), database=database)
    try:
        session.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        session.execute("SELECT pg_catalog.set_config('search_path', '', false)")
        catalog = Catalog(session)
        found = [one for reader in readers for one in reader(catalog)]
        parts: dict[object, list[DatabaseObject]] = {}
        for one in found:
            if one.embedded_in is not None:
                parts.setdefault(one.embedded_in, []).append(one)
        definitions = Definitions(catalog, columns=Columns(session, []), parts=parts)  # type: ignore[arg-type]
        return [
            _of_ours(one, entry, number, definitions)
            for one in found
            for number, entry in enumerate(one.entries(definitions))
        ]
    finally:
        session.close()


def _of_ours(one: DatabaseObject, entry: Entry, number: int, definitions: Definitions) -> Written:
    # An object's further entries have no number of the catalogs.
    own = number == 0 and entry.desc not in SATELLITE_KINDS and one.key.catalog > 0
    namespace = one.schema if entry.namespace is None else entry.namespace
    section = one.section(definitions) if entry.section is None else entry.section
    return Written(
        entry.desc, entry.tag, namespace, section, entry.owner, entry.defn or "", entry.drop, entry.tablespace or None,
        entry.table_am or None, entry.relkind, entry.copy_stmt or "", entry.had_dumper,
        int(one.key.catalog) if own else 0, one.key.oid if own else 0,
    )  # fmt: skip


def of_kinds(entries: Iterable[Written], *kinds: str) -> list[str]:
    """The entries of some kinds, and the comments, labels and privileges of their objects, as comparable text."""
    chosen = [
        entry
        for entry in entries
        if entry.desc in kinds or (entry.desc in SATELLITE_KINDS and any(_is_of(entry, kind) for kind in kinds))
    ]
    return sorted(_as_text(entry) for entry in chosen)


def _is_of(satellite: Written, kind: str) -> bool:
    words = {"PROCEDURAL LANGUAGE": ("LANGUAGE ",), "SERVER": ("SERVER ", "FOREIGN SERVER "), "DEFAULT ACL": ()}
    return satellite.tag.startswith(words.get(kind, (f"{kind} ",)))


def _as_text(entry: Written) -> str:
    out = io.StringIO()
    for field in dataclasses.fields(entry):
        out.write(f"{field.name}: {getattr(entry, field.name)!r}\n")
    return out.getvalue()
