# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders: the whole zoo by several processes, loaded by the genuine myloader."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from dbfleet.mysql import dump_parallel
from dbfleet.mysql.session import Session
from dbfleet.workers import WorkerFailed
from tests.servers import Server

from . import zoo
from .backup_support import differences, empty, picture, scratch
from .directory_support import back_up_folder, load_with_myloader, without_added_blanks


def test_the_zoo_survives_a_folder_and_myloader(mysql_server: Server, tmp_path: Path) -> None:
    _there_and_back(mysql_server, tmp_path, jobs=3)


def test_one_process_writes_the_same_folder(mysql_latest: Server, tmp_path: Path) -> None:
    _there_and_back(mysql_latest, tmp_path, jobs=1)


def _there_and_back(mysql_server: Server, tmp_path: Path, jobs: int) -> None:
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        want = without_added_blanks(picture(mysql_server, database))
        made = back_up_folder(mysql_server, database, tmp_path, lock_tables=True, jobs=jobs)
        empty(mysql_server, database)
        load_with_myloader(mysql_server, made.path, database)
        got = without_added_blanks(picture(mysql_server, database))
    assert not differences(got, want)


def test_processes_that_are_started_anew_read_the_same(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with TLS, whose state no copy of a process may share."""
    monkeypatch.setattr(Session, "is_encrypted", True)
    with scratch(mysql_latest) as database:
        mysql_latest.execute(
            "CREATE TABLE one (id INT PRIMARY KEY)",
            "INSERT INTO one VALUES (1), (2)",
            "CREATE TABLE two (id INT PRIMARY KEY)",
            "INSERT INTO two SELECT id + 5 FROM one",
            database=database,
        )
        made = back_up_folder(mysql_latest, database, tmp_path, jobs=2, compression="none")
    assert {table.name: table.rows for table in made.contents.tables} == {"one": 2, "two": 2}
    assert b"VALUES (6),(7);\n" in (made.path / f"{database}.two.00000.sql").read_bytes()


def test_a_killed_process_fails_the_backup(mysql_latest: Server, tmp_path: Path) -> None:
    begin = dump_parallel.Scheduler.run

    def kill_and_run(self: Any, *arguments: Any) -> Any:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        return begin(self, *arguments)

    with scratch(mysql_latest) as database, pytest.MonkeyPatch.context() as patch:
        for number in range(5):
            mysql_latest.execute(f"CREATE TABLE t{number} (id INT PRIMARY KEY)", database=database)
        patch.setattr(dump_parallel.Scheduler, "run", kill_and_run)
        with pytest.raises(WorkerFailed, match="killed by signal 9"):
            back_up_folder(mysql_latest, database, tmp_path, jobs=2)
        assert not multiprocessing.active_children()
        # The server is told nothing of a killed client; the others' locks must be gone all the same.
        mysql_latest.execute("SET lock_wait_timeout = 20", "DROP TABLE t0", database=database)
    assert not list(tmp_path.rglob("metadata"))


def test_every_file_ends_with_its_mark_and_sets_its_own_session(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        mysql_server.execute(
            "CREATE TABLE `odd.na/me ä` (id INT PRIMARY KEY)",
            "INSERT INTO `odd.na/me ä` VALUES (1)",
            "CREATE VIEW v AS SELECT 1 AS x",
            "CREATE PROCEDURE p() SELECT 1",
            "CREATE TRIGGER tr BEFORE INSERT ON `odd.na/me ä` FOR EACH ROW SET @x = 1",
            database=database,
        )
        made = back_up_folder(mysql_server, database, tmp_path, jobs=2, compression="none")
    files = {path.name: path.read_text(encoding="utf-8") for path in made.path.iterdir()}
    metadata = files.pop("metadata")
    odd = f"{database}.odd@002ena@002fme@0020ä"
    assert set(files) == {
        f"{database}-schema-create.sql",
        f"{odd}-schema.sql",
        f"{odd}.00000.sql",
        f"{odd}-schema-triggers.sql",
        f"{database}.views-schema-view.sql",
        f"{database}-schema-post.sql",
    }
    assert all(text.endswith("\n-- Dump completed\n") for text in files.values())
    assert all(text.startswith("/*!50503 SET NAMES utf8mb4 */;\n") for text in files.values())
    lines = metadata.splitlines()
    assert lines[0].startswith("# Started dump at: 20")
    assert lines[1].startswith("# dbfleet folder 1")
    assert lines[-1].startswith("# Finished dump at: 20")
    assert f"File = {made.contents.snapshot['binlog_file']}" in lines
    assert lines[lines.index(f"[`{database}`.`odd@002ena@002fme@0020ä`]") + 1] == "real_table_name = odd.na/me ä"
