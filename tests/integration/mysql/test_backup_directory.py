# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders: the whole zoo by several processes, loaded by the genuine myloader."""

from __future__ import annotations

from pathlib import Path

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
