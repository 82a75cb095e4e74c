# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The comparison of two databases, or of a backup and a database: objects, numbers of rows, contents of tables.

request → open both sides, each at one moment → compare the objects → compare every table → result.
"""

from __future__ import annotations

import contextlib
import typing as t

from .checksums import verify_checksums
from .comparison import ObjectName, Side, Table, TableName, key_differences
from .errors import UsageError
from .lazy_dataclass import dataclass
from .mysql.options import ConnectionOptions as MysqlConnectionOptions
from .postgresql.options import ConnectionOptions
from .progress import Progress
from .repository.layout import LOGICAL
from .restore import Origin, open_origin
from .tools.engine import Engine


@dataclass(frozen=True)
class LiveDatabase:
    """A database on a server."""

    connection: ConnectionOptions | MysqlConnectionOptions
    database: str


@dataclass(frozen=True)
class CompareRequest:
    """What to compare.

    :param first: a backup, or another database, or an engine: then what the native engine and that one write of the
        same database are the two sides.
    :param second: a database.
    :param schema_only: compare the objects, not the rows.
    """

    first: Origin | LiveDatabase | Engine
    second: LiveDatabase
    schema_only: bool = False


@dataclass(frozen=True)
class CompareResult:
    """What differs, as plain data.

    :param objects: lists of ``kind``, ``schema`` and ``name``: those that are in the ``only_first``, in the
        ``only_second``, and those with ``different`` definitions.
    :param tables: every table that differs, with the number of rows on both sides and the keys that differ.
    :param compared: how many tables were compared by their content.
    :param uncompared: tables whose content could not be, and why.
    """

    first: str
    second: str
    objects: t.Mapping[str, t.Sequence[t.Mapping[str, str]]]
    tables: tuple[t.Mapping[str, t.Any], ...]
    compared: int
    uncompared: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.tables and not self.uncompared and not any(self.objects.values())

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "changed": False,
            "equal": self.equal,
            "first": self.first,
            "second": self.second,
            "objects": {name: [dict(one) for one in found] for name, found in self.objects.items()},
            "tables": [dict(one) for one in self.tables],
            "compared_tables": self.compared,
            "uncompared_tables": list(self.uncompared),
        }


def compare(request: CompareRequest, progress: Progress) -> CompareResult:
    """Compare two sides; nothing of either is changed.

    :raises CorruptArtifactError: the backup is damaged.
    :raises DbfleetError: a side cannot be read.
    """
    try:
        with contextlib.ExitStack() as stack:
            first, second = _open_sides(request, stack, progress)
            progress.phase("comparing objects")
            objects = _compare_objects(first.objects(), second.objects())
            tables: list[dict[str, t.Any]] = []
            uncompared: list[str] = []
            compared = 0
            if not request.schema_only:
                compared = _compare_tables(first, second, tables, uncompared, progress)
            return CompareResult(
                first.description, second.description, objects, tuple(tables), compared, tuple(uncompared)
            )
    finally:
        progress.finish()


def _open_sides(request: CompareRequest, stack: contextlib.ExitStack, progress: Progress) -> tuple[Side, Side]:
    progress.phase("connecting")
    postgresql = isinstance(request.second.connection, ConnectionOptions)
    if isinstance(request.first, LiveDatabase):
        if isinstance(request.first.connection, ConnectionOptions) != postgresql:
            raise UsageError("databases of PostgreSQL and of MySQL cannot be compared")
        return _live(request.first, stack, progress), _live(request.second, stack, progress)
    if isinstance(request.first, Engine):
        from .engine_sides import open_both

        return open_both(request.second.connection, request.second.database, request.first, stack, progress)
    artifact = open_origin(request.first)
    manifest = artifact.manifest
    if manifest is not None:
        if manifest.kind != LOGICAL or (manifest.server.dbms == "postgresql") != postgresql:
            raise UsageError(
                f"backup {manifest.id} is of {manifest.server.dbms} and holds {manifest.kind}",
                hint="compare a backup of a database with a database of its own kind",
            )
        artifact.require_identity()
        verify_checksums(artifact, manifest, progress)
    if postgresql:
        from .postgresql.compared import ArchiveSide

        archive = ArchiveSide(artifact, manifest, progress)
        stack.callback(archive.close)
        return archive, _live(request.second, stack, progress, encoding=archive.encoding, timezone=archive.timezone)
    from .mysql.compared import BackupSide, LiveSide

    live = _live(request.second, stack, progress)
    backup = BackupSide(artifact, manifest, live if isinstance(live, LiveSide) else None, progress)
    stack.callback(backup.close)
    return backup, live


def _live(
    live: LiveDatabase,
    stack: contextlib.ExitStack,
    progress: Progress,
    *,
    encoding: str = "UTF8",
    timezone: str = "UTC",
) -> Side:
    side: Side
    if isinstance(live.connection, ConnectionOptions):
        from .postgresql.compared import LiveSide

        side = LiveSide(live.connection, live.database, progress, encoding=encoding, timezone=timezone)
    else:
        from .mysql.compared import LiveSide as MysqlLiveSide

        side = MysqlLiveSide(live.connection, live.database, progress)
    stack.callback(side.close)
    return side


def _compare_objects(
    first: t.Mapping[ObjectName, str], second: t.Mapping[ObjectName, str]
) -> dict[str, list[dict[str, str]]]:
    return {
        "only_first": _listed(first.keys() - second.keys()),
        "only_second": _listed(second.keys() - first.keys()),
        "different": _listed(name for name in first.keys() & second.keys() if first[name] != second[name]),
    }


def _listed(names: t.Iterable[ObjectName]) -> list[dict[str, str]]:
    return [{"kind": kind, "schema": schema, "name": name} for kind, schema, name in sorted(names)]


def _compare_tables(
    first: Side, second: Side, tables: list[dict[str, t.Any]], uncompared: list[str], progress: Progress
) -> int:
    """Compare the tables that both sides have; the others were found missing as objects."""
    ours, theirs = first.tables(), second.tables()
    progress.phase("comparing tables")
    compared = 0
    for name in sorted(ours.keys() & theirs.keys()):
        title = ".".join(filter(None, name))
        progress.item(title)
        if set(ours[name].columns) != set(theirs[name].columns):
            uncompared.append(f"{title}: the columns differ")
            continue
        compared += 1
        difference = _compare_table(first, second, name, ours[name], theirs[name])
        if difference is not None:
            tables.append({"schema": name[0], "name": name[1], **difference})
    return compared


def _compare_table(first: Side, second: Side, name: TableName, ours: Table, theirs: Table) -> dict[str, t.Any] | None:
    # A backup has its columns in its own order; who is asked for another one has to take every row apart.
    columns = ours.columns
    found, other = first.digest(name, columns), second.digest(name, columns)
    if found == other:
        return None
    key = ours.key or theirs.key
    differences = None
    if key and set(key) <= set(columns):
        differences = key_differences(
            lambda take: first.rows(name, columns, key, take), lambda take: second.rows(name, columns, key, take)
        ).to_dict()
    return {"first_rows": found[0], "second_rows": other[0], "key": list(key), "differences": differences}
