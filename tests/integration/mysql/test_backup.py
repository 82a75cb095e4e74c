# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole zoo of every server version, backed up and loaded by the genuine client: nothing may differ."""

from __future__ import annotations

from pathlib import Path

from tests.servers import Server

from . import zoo
from .backup_support import back_up, differences, empty, load, picture, scratch


def test_the_zoo_survives_backup_and_genuine_load(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        want = picture(mysql_server, database)
        made = back_up(mysql_server, database, tmp_path, lock_tables=True)
        empty(mysql_server, database)
        load(mysql_server, database, made.text)
        got = picture(mysql_server, database)
    assert not differences(got, want)
