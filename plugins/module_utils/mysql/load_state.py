# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What an interrupted restore had done, so that it goes on behind it.

Of a folder it is recorded that its definitions were run, and which files' rows are committed; of a script, up to which
statement everything is committed. A file or statement that was at work when something was killed may be committed
although no line says so. The number of rows in its table tells: where it is not the number of those recorded, the table
starts over.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
import typing as t

from ..errors import DbfleetError, RestoreError
from ..repository.records import Manifest
from ..state_file import StateFile
from . import quoting
from .load_options import LoadOptions
from .options import ConnectionOptions, RestoreOptions
from .script_summary import ScriptSummary
from .session import Session

_PATIENCE_SECONDS = 120.0
_OFTEN_ENOUGH_SECONDS = 1.0

#: Rows and duplicates by table.
Counts = t.Mapping[str, tuple[int, int]]


class LoadState:
    """The recorded state of one restore.

    :param file: where it is recorded.

    The attributes are what an earlier run had done: :attr:`defined` (a folder's definitions), :attr:`deferred` (tables
    whose keys are to be made after the rows), :attr:`files` (a folder's files with what they brought), :attr:`offset`
    and :attr:`counts` (of a script: where to go on, and what was loaded before).
    """

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self._recorded_at = 0.0
        self._read()

    def _read(self) -> None:
        self.defined = False
        self.deferred: list[str] = []
        self.files: dict[str, dict[str, tuple[int, int]]] = {}
        self.offset = 0
        self.counts: dict[str, tuple[int, int]] = {}
        self._threads: list[int] = []
        for line in self._file.lines:
            self.defined = self.defined or "defined" in line
            self.deferred = line.get("deferred", self.deferred)
            if "file" in line:
                self.files[line["file"]] = _counts(line["tables"])
            for table in line.get("again", ()):
                self.files = {path: tables for path, tables in self.files.items() if table not in tables}
            if "offset" in line:
                self.offset, self.counts = line["offset"], _counts(line["tables"])
            self._threads += line.get("threads", [])

    @property
    def resumable(self) -> bool:
        """Whether an earlier run had begun."""
        return self._file.resumable

    def start_over(self) -> None:
        """Forget what an earlier run had done."""
        self._file.begin()
        self._read()

    def begin_sessions(self, threads: t.Sequence[int]) -> None:
        """These connections are about to change the target."""
        self._file.add({"threads": list(threads)})

    def definitions_done(self, deferred: t.Iterable[str]) -> None:
        """All tables of a folder are made."""
        self._file.add({"defined": True, "deferred": list(deferred)})

    def file_done(self, path: str, tables: Counts) -> None:
        """A file's rows are committed."""
        self._file.add({"file": path, "tables": dict(tables)})

    def start_tables_over(self, tables: t.Sequence[str]) -> None:
        """These tables are about to be emptied."""
        self._file.add({"again": list(tables)})
        self.files = {path: found for path, found in self.files.items() if not set(found) & set(tables)}

    def script_done_until(self, offset: int, tables: Counts, deferred: t.Iterable[str], *, important: bool) -> None:
        """Everything before this statement of a script is committed.

        :param important: record it although something was recorded a moment ago.
        """
        if not important and time.monotonic() - self._recorded_at < _OFTEN_ENOUGH_SECONDS:
            return
        self._recorded_at = time.monotonic()
        self._file.add({"offset": offset, "tables": dict(tables), "deferred": list(deferred)})

    def end_earlier_sessions(self, session: Session, database: str, mine: t.Collection[int]) -> None:
        """End what is left of an earlier run's connections, and wait until they are gone.

        :param mine: the connections of this run: a server that was started again numbers from the beginning.
        :raises RestoreError: they go on.
        """
        earlier = set(self._threads) - set(mine)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            left = [thread for thread in _threads_in(session, database) if thread in earlier]
            if not left:
                return
            if time.monotonic() > deadline:
                raise RestoreError(
                    f"connections of the interrupted restore are still working: {', '.join(map(str, left))}",
                    hint="wait until they have ended, then resume",
                )
            for thread in left:
                try:
                    session.execute(f"KILL {thread}")
                except DbfleetError as error:
                    # 1094: it has ended by itself.
                    if error.context.get("errno") != 1094:
                        raise
            time.sleep(0.1)

    def remove(self) -> None:
        """The restore is complete."""
        self._file.remove()

    def close(self) -> None:
        """Give the file free."""
        self._file.close()


def open_state(
    options: RestoreOptions, summary: ScriptSummary, manifest: Manifest | None, server: str, description: str
) -> LoadState:
    """The state of this restore, of these statements into this database.

    :param server: what identifies the target's server.
    :param description: of the artifact, which stands for itself where it has no manifest.
    """
    digest = hashlib.sha256()
    # What is made of the backup, whoever does it and however fast.
    what = dataclasses.replace(options, connection=ConnectionOptions(), jobs=1, load=LoadOptions())
    parts: list[t.Any] = [server, _changed(what, RestoreOptions(ConnectionOptions(), "")), summary.objects]
    parts += [(path, name, table.sha256) for path, tables in summary.files.items() for name, table in tables.items()]
    parts += [description] if manifest is None else [record.sha256 for record in manifest.files]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    key = digest.hexdigest()
    return LoadState(StateFile(os.path.join(options.load.state_folder, f"mysql-restore-{key[:32]}.json"), key))


def _changed(options: t.Any, usual: t.Any) -> t.Any:
    """What is not as by default, by name: an option that a later version adds changes no key of an earlier one."""
    if not dataclasses.is_dataclass(options):
        return options
    values = {one.name: (getattr(options, one.name), getattr(usual, one.name)) for one in dataclasses.fields(options)}
    return {name: _changed(value, default) for name, (value, default) in values.items() if value != default}


def rows_in(session: Session, table: str) -> int:
    """How many rows a table has."""
    return int(session.scalar(f"SELECT COUNT(*) FROM {quoting.identifier(table)}") or 0)


def _threads_in(session: Session, database: str) -> list[int]:
    rows = session.query(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND "
        f"DB = {quoting.literal(database)} AND USER = SUBSTRING_INDEX(USER(), '@', 1)"
    )
    return [int(number or 0) for (number,) in rows]


def _counts(recorded: t.Mapping[str, t.Sequence[int]]) -> dict[str, tuple[int, int]]:
    return {name: (int(rows), int(duplicates)) for name, (rows, duplicates) in recorded.items()}
