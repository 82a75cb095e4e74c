# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database engine of a hundred lines, so that the jobs can be tested without a server.

It is a whole one: its database is a dictionary of tables, its format is text with a header that is patched at the end,
and it reads what it writes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from dbfleet.errors import CorruptArtifactError, TargetNotEmptyError
from dbfleet.interfaces import ArtifactReader, ArtifactWriter, BackupPlan, RestoreContents, RestorePlan
from dbfleet.progress import Progress
from dbfleet.repository.records import BackupContents, Manifest, ServerIdentity, TableRecord

Database = Mapping[str, list[bytes]]
ARTIFACT = "shop.dump"
SHOP: Database = {"orders": [b"1\tpen", b"2\tink"], "customers": [b"1\tAda"], "empty": []}
SERVER = ServerIdentity("postgresql", "16.4", 160004, "db1", 5432, "7400000000000000000")
_HEADER = 16


def _nothing() -> None:
    """What happens between two writes where a test wants nothing special."""


def _digest(rows: list[bytes]) -> str:
    return hashlib.sha256(b"".join(row + b"\n" for row in rows)).hexdigest()


@dataclasses.dataclass
class SmallSource:
    """Backs a database up. ``between`` is called before every row: to fail, to wait, to look."""

    database: Database = dataclasses.field(default_factory=lambda: SHOP)
    server: ServerIdentity = SERVER
    estimated_bytes: int = 100
    between: Callable[[], None] = _nothing
    change: Callable[[BackupContents], BackupContents] = lambda contents: contents
    close_files: bool = True
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    calls: list[str] = dataclasses.field(default_factory=list)

    def plan(self) -> BackupPlan:
        self.calls.append("plan")
        tables = tuple(("public", name) for name in self.database)
        return BackupPlan(
            self.server,
            "shop",
            ARTIFACT,
            "custom",
            "none",
            self.estimated_bytes,
            tables,
            {"table": len(tables)},
            options=self.options,
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        self.calls.append("write")
        progress.phase("reading")
        file = writer.create(ARTIFACT)
        file.write(b"0" * _HEADER)
        size = 0
        for name, rows in self.database.items():
            for row in (json.dumps([name, len(rows)]).encode(), *rows):
                self.between()
                file.write(row + b"\n")
                size += len(row) + 1
            progress.advance(size, len(rows))
        self.between()
        file.patch(0, b"%0*d" % (_HEADER, size))
        if self.close_files:
            file.close()
        return self.change(self._contents())

    def close(self) -> None:
        self.calls.append("close")

    def _contents(self) -> BackupContents:
        tables = tuple(
            TableRecord("public", name, len(rows), sum(len(row) + 1 for row in rows), _digest(rows))
            for name, rows in self.database.items()
        )
        recorded = {name: value for name, value in self.options.items() if value is not None}
        return BackupContents("custom", ARTIFACT, "none", {"lsn": "0/1"}, tables, {"table": len(tables)}, recorded)


@dataclasses.dataclass
class SmallTarget:
    """Restores a database into :attr:`database`."""

    database: dict[str, list[bytes]] = dataclasses.field(default_factory=dict)
    change: Callable[[RestoreContents], RestoreContents] = lambda contents: contents
    calls: list[str] = dataclasses.field(default_factory=list)

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        self.calls.append("verify")
        self._read(artifact)

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None) -> RestorePlan:
        self.calls.append("plan")
        if self.database:
            raise TargetNotEmptyError("the database copy is not empty", hint="use clean or force")
        tables = tuple(("public", name) for name in self._read(artifact))
        return RestorePlan(SERVER, "copy", False, ("table public.old",), {"table": len(tables)}, tables)

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        self.calls.append("restore")
        self.database.update(self._read(artifact))
        tables = tuple(
            TableRecord("public", name, len(rows), sum(len(row) + 1 for row in rows), _digest(rows))
            for name, rows in self.database.items()
        )
        return self.change(RestoreContents(tables, {"table": len(tables)}))

    def close(self) -> None:
        self.calls.append("close")

    @staticmethod
    def _read(artifact: ArtifactReader) -> dict[str, list[bytes]]:
        source = artifact.open(artifact.names()[0])
        try:
            size = int(source.read(_HEADER))
            lines = source.read(1 << 20).split(b"\n")
        finally:
            source.close()
        if sum(len(line) + 1 for line in lines[:-1]) != size or lines.pop():
            raise CorruptArtifactError(f"{artifact.description} is truncated")
        database: dict[str, list[bytes]] = {}
        while lines:
            name, count = json.loads(lines.pop(0))
            database[name], lines = lines[:count], lines[count:]
        return database
