# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that are killed at some moment, and gone on with: everything is there once, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import LockedError, RestoreError, TargetNotEmptyError
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.load_state import LoadState
from dbfleet.mysql.options import ScriptForm
from tests.servers import Server

from .backup_support import differences, picture
from .directory_support import back_up_folder
from .restore_support import connected, genuine_dump, restore, scratch
from .test_restore_parallel import fill_keyed

ROOT = Path(__file__).resolve().parents[3]
# Restores a script or folder slowly enough to be killed, keys of small tables made late.
PROGRAM = """
import sys, time
from pathlib import Path
from dbfleet.mysql import lane, load_run, load_state
from dbfleet.mysql.load_options import LoadOptions
from tests.integration.mysql.restore_support import restore
from tests.servers import Server
load_run.DEFER_FROM = 1
load_state._OFTEN_ENOUGH_SECONDS = 0.0
real = lane.Lane.finish
def finish(self):
    time.sleep(float(sys.argv[6]))
    return real(self)
lane.Lane.finish = finish
server = Server.attach(Path(sys.argv[1]))
load = LoadOptions(resume=True, state_folder=sys.argv[5])
restore(server, sys.argv[2], Path(sys.argv[3]), Path("."), jobs=int(sys.argv[4]), create=True, load=load)
"""


def fill(server: Server, database: str) -> None:
    """Tables with keys of all kinds, without a key, without transactions, and programs."""
    fill_keyed(server, database, rows=600)
    with connected(server, database) as cursor:
        cursor.execute("CREATE TABLE no_key (a INT, b VARCHAR(200)) ENGINE=InnoDB")
        cursor.execute("CREATE TABLE old (a INT PRIMARY KEY, b VARCHAR(60), KEY (b)) ENGINE=MyISAM")
        cursor.execute("INSERT INTO no_key SELECT id, body FROM `keyed ``one`")
        cursor.execute("INSERT INTO old SELECT id, name FROM `keyed ``one`")
        cursor.execute("CREATE TRIGGER seen BEFORE INSERT ON old FOR EACH ROW SET NEW.b = CONCAT(NEW.b, '!')")
        cursor.execute("CREATE PROCEDURE p() BEGIN SELECT 1;\n SELECT 2; END")
        cursor.execute("CREATE VIEW w AS SELECT COUNT(*) AS n FROM old")


def source_of(server: Server, database: str, folder: Path, kind: str) -> Path:
    """A backup of many small statements and files."""
    if kind == "script":
        path = folder / "dump.sql"
        path.write_bytes(genuine_dump(server, database, "--net-buffer-length=16384", "--databases"))
        return path
    form = ScriptForm(statement_size=20000)
    backup = back_up_folder(server, database, folder / "made", lock_tables=True, compression="none", form=form).path
    # One statement a file.
    for file in sorted(backup.glob("*.00000.sql")):
        _divide(file)
    return backup


def _divide(file: Path) -> None:
    text = file.read_bytes()
    head, _insert, _rest = text.partition(b"INSERT INTO")
    statements = [b"INSERT INTO" + part for part in text.split(b"INSERT INTO")[1:]]
    footer = statements[-1].partition(b";\n")[2]
    statements[-1] = statements[-1].partition(b";\n")[0] + b";\n"
    for number, statement in enumerate(statements):
        file.with_name(file.name.replace(".00000.", f".{number:05}.")).write_bytes(head + statement + footer)


def start(server: Server, target: str, source: Path, state: Path, jobs: int, delay: float) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(server.folder),
        target,
        str(source),
        str(jobs),
        str(state),
        str(delay),
    ]
    with (state.parent / "output").open("wb") as output:
        return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)


def recorded(state: Path) -> int:
    return sum(len(path.read_bytes().splitlines()) for path in state.glob("*.json"))


def kill_when(process: subprocess.Popen[bytes], state: Path, lines: int, end: Callable[[], None]) -> bool:
    """Call ``end`` when so many lines are recorded; whether the process was still at work."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if recorded(state) >= lines:
            end()
            process.wait(60)
            return True
        time.sleep(0.01)
    assert process.returncode == 0, (state.parent / "output").read_text()
    return False


def go_on(server: Server, target: str, source: Path, state: Path, jobs: int, tmp_path: Path) -> Any:
    load = LoadOptions(resume=True, state_folder=str(state))
    return restore(server, target, source, tmp_path, jobs=jobs, create=True, load=load)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("mysql57", "script"), ("mysql97", "folder"), ("mariadb105", "folder"),
        ("mariadb1011", "script"), ("mariadb118", "folder"),
    ],
)  # fmt: skip
def test_killed_again_and_again_it_is_whole_in_the_end(server_pool: Any, tmp_path: Path, name: str, form: str) -> None:
    mysql_server = server_pool.get(name)
    with scratch(mysql_server) as database, scratch(mysql_server, create=False) as target:
        fill(mysql_server, database)
        source = source_of(mysql_server, database, tmp_path, form)
        state = tmp_path / "state"
        pick = random.Random(form)
        lines = 0
        for jobs in (1, 3):
            lines += pick.randint(2, 9)
            process = start(mysql_server, target, source, state, jobs, 0.01)
            if not kill_when(process, state, lines, lambda one=process: one.send_signal(signal.SIGKILL)):
                break
        assert recorded(state)
        contents = go_on(mysql_server, target, source, state, 2, tmp_path)
        assert not differences(picture(mysql_server, target), picture(mysql_server, database))
        rows = {table.name: table.rows for table in contents.tables}
        assert (rows["keyed `one"], rows["no_key"], rows["old"]) == (600, 600, 600)
        assert not recorded(state)


@pytest.mark.parametrize(("name", "form"), [("mysql97", "folder"), ("mariadb118", "script")])
def test_the_server_is_killed(server_pool: Any, tmp_path: Path, name: str, form: str) -> None:
    server = server_pool.fresh(name)
    try:
        with connected(server) as cursor:
            cursor.execute("CREATE DATABASE source")
        fill(server, "source")
        source = source_of(server, "source", tmp_path, form)
        want = picture(server, "source")
        state = tmp_path / "state"
        process = start(server, "target", source, state, 2, 0.03)
        assert kill_when(process, state, 7, server.kill)
        assert process.returncode != 0
        server.restart()
        go_on(server, "target", source, state, 2, tmp_path)
        assert not differences(picture(server, "target"), want)
    finally:
        server.stop()


def test_a_failure_leaves_what_is_done_and_the_next_run_goes_on(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.mysql.load_state._OFTEN_ENOUGH_SECONDS", 0.0)
    with scratch(mysql_latest) as database, scratch(mysql_latest, create=False) as target:
        fill(mysql_latest, database)
        source = source_of(mysql_latest, database, tmp_path, "folder")
        state = tmp_path / "state"
        real = LoadState.file_done
        seen: list[str] = []

        def failing(self: LoadState, path: str, tables: Any) -> None:
            seen.append(path)
            if len(seen) == 3:
                raise RestoreError("the disk is full")
            real(self, path, tables)

        monkeypatch.setattr(LoadState, "file_done", failing)
        with pytest.raises(RestoreError, match="the disk is full; .*the same restore with resume goes on"):
            go_on(mysql_latest, target, source, state, 1, tmp_path)
        monkeypatch.setattr(
            LoadState, "file_done", lambda self, path, tables: (seen.append(path), real(self, path, tables))
        )
        before = len(seen)
        # Another backup, or without resume: the target is not empty.
        with pytest.raises(TargetNotEmptyError):
            restore(mysql_latest, target, b"CREATE TABLE t (i INT);", tmp_path)
        go_on(mysql_latest, target, source, state, 2, tmp_path)
        again = seen[before:]
        assert seen[2] in again or seen[2].partition(".0")[0] in {path.partition(".0")[0] for path in again}
        assert not set(seen[:2]) & set(again) or seen[2].partition(".0")[0] == seen[0].partition(".0")[0]
        assert not differences(picture(mysql_latest, target), picture(mysql_latest, database))


def test_the_same_restore_does_not_run_twice_at_once(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database, scratch(mysql_latest, create=False) as target:
        fill_keyed(mysql_latest, database, rows=300)
        source = source_of(mysql_latest, database, tmp_path, "folder")
        state = tmp_path / "state"
        process = start(mysql_latest, target, source, state, 1, 0.5)
        try:
            while not recorded(state):
                assert process.poll() is None
                time.sleep(0.02)
            with pytest.raises(LockedError, match="is running"):
                go_on(mysql_latest, target, source, state, 1, tmp_path)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


def test_what_was_dropped_in_the_meantime_is_made_again(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(self: LoadState, path: str, tables: Any) -> None:
        raise RestoreError("the disk is full")

    with scratch(mysql_latest) as database, scratch(mysql_latest) as target:
        fill_keyed(mysql_latest, database, rows=300)
        source = source_of(mysql_latest, database, tmp_path, "folder")
        load = LoadOptions(resume=True, state_folder=str(tmp_path / "state"))
        with monkeypatch.context() as patch:
            patch.setattr(LoadState, "file_done", failing)
            with pytest.raises(RestoreError, match="the disk is full"):
                restore(mysql_latest, target, source, tmp_path, load=load)
        with connected(mysql_latest, target) as cursor:
            cursor.execute("SET foreign_key_checks = 0")
            cursor.execute("DROP TABLE parents")
        restore(mysql_latest, target, source, tmp_path, load=load)
        assert not differences(picture(mysql_latest, target), picture(mysql_latest, database))
