# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows out of files that were digested before: sent without another digest, never out of a file that was changed."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import DbfleetError, QueryError
from dbfleet.postgresql import copy_in, restore_entry, verified_rows
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.postgresql.restore_selection import RestoreSelection
from dbfleet.postgresql.script_wire import ScriptWire
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest, RestoreResult, restore
from dbfleet.streams.file import FileSource
from dbfleet.streams.file_state import file_state, settled_state
from tests import servers
from tests.integration.postgresql.restore_support import connection_options, new_database
from tests.servers.fixtures import POSTGRESQL_LATEST, ServerPool

ROWS = 40_000
LOADED = "SELECT count(*), coalesce(md5(string_agg(t::text, '' ORDER BY id)), '') FROM public.large t"
#: How the rows lie in the file: as they are, in chunks, or compressed.
FORMS = [
    ("directory", "none"), ("custom", "none"), ("tar", "none"), ("directory", "zstd:3"), ("custom", "gzip:1")
]  # fmt: skip
AS_THEY_ARE = FORMS[:3]
ONLY_DATA = RestoreSelection(sections=("data",))


class Backups:
    """A database with a table of some MiB, and its backups; each is old enough to be known as unchanged."""

    def __init__(self, server: servers.Server, database: str, folder: Path) -> None:
        self.server = server
        self.database = database
        self.folder = folder
        with server.connect(database) as connection:
            connection.execute(
                "CREATE TABLE large AS SELECT i AS id, repeat(md5(i::text), 3) AS note "
                f"FROM generate_series(1, {ROWS}) i"
            )
            connection.execute("CREATE TABLE small AS SELECT 1 AS id; ALTER TABLE large ADD PRIMARY KEY (id)")
            self.content = connection.execute(LOADED).fetchone()

    def make(self, form: tuple[str, str]) -> Path:
        """A new backup; what is changed in it is the caller's own."""
        dest = self.folder / f"{len(list(self.folder.iterdir()))}-{form[0]}"
        options = BackupOptions(
            connection=connection_options(self.server), database=self.database, format=form[0], compression=form[1]
        )
        backup(BackupRequest(options, Destination(dest=str(dest))), Progress())
        large = file_of(dest)
        while True:
            with large.open("rb") as file:
                if settled_state(file.fileno()) is not None:
                    return dest
            time.sleep(0.1)


def file_of(backup: Path) -> Path:
    """The file that holds the large table."""
    return max(backup.iterdir(), key=lambda path: path.stat().st_size) if backup.is_dir() else backup


@pytest.fixture(scope="module")
def backups(server_pool: ServerPool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backups]:
    server = server_pool.get(POSTGRESQL_LATEST)
    with new_database(server) as name:
        yield Backups(server, name, tmp_path_factory.mktemp("backups"))


class Watch(Progress):
    """Calls back once in the middle of the restore.

    :param after: when so many bytes of rows were sent; 0 is before the first.
    """

    def __init__(self, callback: Callable[[], object] = lambda: None, *, after: int = 0) -> None:
        super().__init__()
        self._callback: Callable[[], object] | None = callback
        self._after = after

    def phase(self, name: str, *, total_bytes: int = 0) -> None:
        super().phase(name, total_bytes=total_bytes)
        self._look()

    def advance(self, size: int, rows: int = 0) -> None:
        super().advance(size, rows)
        self._look()

    def _look(self) -> None:
        if self._callback and self.state.phase == "restoring" and self.state.done_bytes >= self._after:
            callback, self._callback = self._callback, None
            callback()


def restored(
    server: servers.Server, database: str, source: Path, progress: Progress | None = None, **options: Any
) -> RestoreResult:
    asked = RestoreOptions(**{"connection": connection_options(server), "database": database, **options})
    return restore(RestoreRequest(asked, Origin(source=str(source))), progress or Progress())


def content(server: servers.Server, database: str) -> Any:
    with server.connect(database) as connection:
        return connection.execute(LOADED).fetchone()


def is_there(server: servers.Server, database: str) -> bool:
    """Whether the table is there with any row."""
    with server.connect(database) as connection:
        (table,) = connection.execute("SELECT to_regclass('public.large')").fetchone()
        return table is not None and connection.execute("SELECT count(*) FROM public.large").fetchone() != (0,)


def overwritten(path: Path) -> None:
    """Other digits far behind what was sent: just as many rows, of just the same size."""
    with path.open("r+b") as file:
        place = path.stat().st_size * 3 // 4
        file.seek(place)
        block = file.read(200)
        file.seek(place)
        file.write(block.translate(bytes.maketrans(b"0123456789", b"1234567890")))


class Seen:
    """Which way the rows of tables took."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.from_file = 0
        self.digested = 0
        load_file, table_rows = verified_rows.load_file, restore_entry.table_rows

        def sent(*args: Any, **keywords: Any) -> int:
            self.from_file += 1
            return load_file(*args, **keywords)

        def digested(*args: Any, **keywords: Any) -> Any:
            self.digested += 1
            return table_rows(*args, **keywords)

        monkeypatch.setattr(verified_rows, "load_file", sent)
        monkeypatch.setattr(restore_entry, "table_rows", digested)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    return Seen(monkeypatch)


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_rows_are_not_digested_once_more(backups: Backups, seen: Seen, form: tuple[str, str]) -> None:
    path = backups.make(form)
    with new_database(backups.server) as name:
        restored(backups.server, name, path)
        assert content(backups.server, name) == backups.content
    # The small table is, as that takes no time.
    assert (seen.from_file, seen.digested) == (1 if form in AS_THEY_ARE else 0, 1)


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_by_several_processes_and_into_a_new_database(backups: Backups, form: tuple[str, str]) -> None:
    path = backups.make(form)
    with new_database(backups.server, create=False) as name:
        restored(backups.server, name, path, create=True, jobs=2)
        assert content(backups.server, name) == backups.content


@pytest.mark.parametrize("ssl_mode", ["disable", "require"])
def test_over_a_network(server_pool: ServerPool, tmp_path: Path, seen: Seen, ssl_mode: str) -> None:
    with server_pool.fresh("pg16", tls=True) as server, new_database(server) as source, new_database(server) as name:
        backups = Backups(server, source, tmp_path)
        far = ConnectionOptions(
            host="127.0.0.1", port=server.port, user=server.user, password=server.password, ssl_mode=ssl_mode
        )
        restored(server, name, backups.make(("directory", "none")), connection=far)
        assert content(server, name) == backups.content
    assert (seen.from_file, seen.digested) == (1 if ssl_mode == "disable" else 0, 1)


@pytest.mark.parametrize("after", [0, 1 << 20], ids=["before", "meanwhile"])
@pytest.mark.parametrize("form", FORMS, ids="-".join)
@pytest.mark.parametrize("hidden", [False, True], ids=["", "hidden"])
def test_a_file_that_is_changed_is_found(backups: Backups, form: tuple[str, str], after: int, hidden: bool) -> None:
    """After it was found to be right; even where its time of modification is set back."""
    path = backups.make(form)
    large = file_of(path)

    def change() -> None:
        status = large.stat()
        overwritten(large)
        if hidden:
            os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))

    with new_database(backups.server) as name:
        # What is compressed may become something that the server refuses first.
        message = "not those that were backed up" if form in AS_THEY_ARE else None
        with pytest.raises(DbfleetError, match=message):
            restored(backups.server, name, path, Watch(change, after=after))
        assert not is_there(backups.server, name)


@pytest.mark.parametrize("form", AS_THEY_ARE, ids="-".join)
def test_a_file_that_is_cut_off_meanwhile(backups: Backups, form: tuple[str, str]) -> None:
    path = backups.make(form)
    large = file_of(path)
    with new_database(backups.server) as name:
        with pytest.raises(DbfleetError, match="ends before its rows|no chunk"):
            restored(backups.server, name, path, Watch(lambda: os.truncate(large, 5 << 18), after=1 << 20))
        assert not is_there(backups.server, name)


@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_another_name_or_mode_is_no_change(backups: Backups, form: tuple[str, str]) -> None:
    """Whoever links the backup to somewhere else while it is restored does no harm."""
    path = backups.make(form)
    large = file_of(path)

    def link() -> None:
        os.link(large, path.parent / f"{path.name}-linked")
        large.chmod(0o400)

    with new_database(backups.server) as name:
        before = state_of(large)
        restored(backups.server, name, path, Watch(link, after=1 << 20))
        assert state_of(large) != before
        assert content(backups.server, name) == backups.content


@pytest.mark.parametrize("form", [*FORMS, ("plain", "none"), ("plain", "gzip:1")], ids="-".join)
def test_what_was_written_meanwhile_is_not_trusted_even_if_it_is_right(backups: Backups, form: tuple[str, str]) -> None:
    """The server may have read something else in between."""
    path = backups.make(form)
    large = file_of(path)

    def write_the_same() -> None:
        with large.open("r+b") as file:
            block = file.read(100)
            file.seek(0)
            file.write(block)

    with new_database(backups.server, create=False) as name:
        with pytest.raises(DbfleetError, match="not those that were backed up"):
            restored(backups.server, name, path, Watch(write_the_same, after=1 << 20), create=True)
        assert not backups.server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'")


def state_of(path: Path) -> Any:
    with path.open("rb") as file:
        return file_state(file.fileno())


def test_what_was_written_just_now_is_digested(backups: Backups, seen: Seen) -> None:
    path = backups.make(("directory", "none"))
    file_of(path).touch()
    with new_database(backups.server) as name:
        restored(backups.server, name, path)
        assert content(backups.server, name) == backups.content
    assert (seen.from_file, seen.digested) == (0, 2)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_row_that_is_refused(backups: Backups, jobs: int) -> None:
    """It is named, and the rest of the table is not sent."""
    with new_database(backups.server) as name:
        with backups.server.connect(name) as connection:
            connection.execute(
                "CREATE TABLE large (id integer CHECK (id <> 7), note text); CREATE TABLE small (id int)"
            )
        with pytest.raises(DbfleetError, match="violates check constraint") as caught:
            path = backups.make(("custom", "none"))
            restored(backups.server, name, path, force=True, jobs=jobs, selection=ONLY_DATA)
        assert "line 7" in str(caught.value.message) or caught.value.context.get("line") == 7
        assert not is_there(backups.server, name)


def test_a_file_system_that_cannot_send(backups: Backups, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    def sendfile(*_arguments: object) -> NoReturn:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(copy_in.os, "sendfile", sendfile)
    with new_database(backups.server) as name:
        restored(backups.server, name, backups.make(("custom", "none")))
        assert content(backups.server, name) == backups.content
    assert seen.from_file == 1


def test_a_file_that_cannot_be_read_to_its_end(backups: Backups, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection cannot go on behind half a message."""
    sent = os.sendfile

    def sendfile(out: int, source: int, offset: int, count: int) -> int:
        if offset > 1 << 20:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return sent(out, source, offset, count)

    monkeypatch.setattr(copy_in.os, "sendfile", sendfile)
    with new_database(backups.server) as name:
        with pytest.raises(DbfleetError, match="cannot read .*: Input/output error"):
            restored(backups.server, name, backups.make(("directory", "none")))
        monkeypatch.undo()
        assert not is_there(backups.server, name)


def test_the_rows_that_the_server_took_are_counted(backups: Backups) -> None:
    """A trigger keeps rows away; the file is right, the table is not."""
    with new_database(backups.server) as name:
        with backups.server.connect(name) as connection:
            connection.execute(
                "CREATE TABLE large (id integer, note text); CREATE TABLE small (id int);"
                "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN IF new.id = 7 THEN RETURN NULL; END IF; RETURN new; END';"
                "CREATE TRIGGER odd BEFORE INSERT ON large FOR EACH ROW EXECUTE FUNCTION odd()"
            )
        with pytest.raises(DbfleetError, match=f"took {ROWS - 1} of {ROWS} rows") as caught:
            restored(backups.server, name, backups.make(("directory", "none")), force=True, selection=ONLY_DATA)
        assert isinstance(caught.value.__cause__, QueryError)
        assert not is_there(backups.server, name)


SCRIPTS = [("plain", "none"), ("plain", "gzip:1")]


@pytest.fixture
def sent_from_file(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the parts of a script's file that were sent."""
    sizes: list[int] = []
    send_file = ScriptWire.send_file

    def sent(self: ScriptWire, file: FileSource, offset: int, size: int, name: str) -> None:
        sizes.append(size)
        send_file(self, file, offset, size, name)

    monkeypatch.setattr(ScriptWire, "send_file", sent)
    return sizes


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("form", SCRIPTS, ids="-".join)
def test_rows_of_a_script(backups: Backups, sent_from_file: list[int], form: tuple[str, str], create: bool) -> None:
    path = backups.make(form)
    with new_database(backups.server, create=not create) as name:
        result = restored(backups.server, name, path, create=create)
        assert content(backups.server, name) == backups.content
    assert result.restore["rows"] == ROWS + 1
    with_rows = path.read_bytes() if form[1] == "none" else b""
    begin = with_rows.find(b"\n1\t") + 1
    assert sum(sent_from_file) == (with_rows.find(b"\n\\.\n", begin) + 1 - begin if with_rows else 0)


def test_what_was_written_just_now_is_digested_of_a_script_too(backups: Backups, sent_from_file: list[int]) -> None:
    path = backups.make(("plain", "none"))
    path.touch()
    with new_database(backups.server) as name:
        restored(backups.server, name, path)
        assert content(backups.server, name) == backups.content
    assert not sent_from_file


@pytest.mark.parametrize("after", [0, 1 << 20], ids=["before", "meanwhile"])
@pytest.mark.parametrize("hidden", [False, True], ids=["", "hidden"])
def test_a_script_that_is_changed_is_found(backups: Backups, after: int, hidden: bool) -> None:
    path = backups.make(("plain", "none"))

    def change() -> None:
        status = path.stat()
        overwritten(path)
        if hidden:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    with new_database(backups.server, create=False) as name:
        with pytest.raises(DbfleetError, match="changed while it was restored"):
            restored(backups.server, name, path, Watch(change, after=after), create=True)
        assert not backups.server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'")


@pytest.mark.parametrize("form", SCRIPTS, ids="-".join)
def test_a_script_may_be_linked_meanwhile(backups: Backups, form: tuple[str, str]) -> None:
    path = backups.make(form)
    with new_database(backups.server) as name:
        watch = Watch(lambda: os.link(path, path.parent / f"{path.name}-linked"), after=1 << 20)
        restored(backups.server, name, path, watch)
        assert content(backups.server, name) == backups.content


def test_a_script_that_is_cut_off_meanwhile(backups: Backups) -> None:
    path = backups.make(("plain", "none"))
    with new_database(backups.server) as name:
        with pytest.raises(DbfleetError, match="ends before its rows"):
            restored(backups.server, name, path, Watch(lambda: os.truncate(path, 5 << 18), after=1 << 20))
        assert not is_there(backups.server, name)


def test_a_script_whose_row_is_refused(backups: Backups, sent_from_file: list[int]) -> None:
    """It is named by its line in the script."""
    path = backups.make(("plain", "none"))
    with new_database(backups.server) as name:
        with backups.server.connect(name) as connection:
            connection.execute("CREATE TABLE large (id int CHECK (id <> 7), note text); CREATE TABLE small (id int)")
        with pytest.raises(DbfleetError, match="violates check constraint") as caught:
            restored(backups.server, name, path, force=True, selection=ONLY_DATA)
        assert not is_there(backups.server, name)
    lines = path.read_bytes().split(b"\n")
    assert lines[caught.value.context["line"] - 1].startswith(b"7\t")
    assert sent_from_file
