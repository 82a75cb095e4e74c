# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each storage engine as it needs: rows under a lock, or the definition alone where rows are elsewhere or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError
from tests.servers import Server

from .backup_support import back_up, differences, empty, picture, scratch
from .restore_support import connected, restore

_WITH_ROWS = {
    "ARCHIVE": "CREATE TABLE archive (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20)) ENGINE=ARCHIVE",
    "CSV": "CREATE TABLE csv (id INT NOT NULL, v VARCHAR(20) NOT NULL) ENGINE=CSV",
    "MEMORY": "CREATE TABLE memory (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=MEMORY",
    "Aria": "CREATE TABLE aria (id INT PRIMARY KEY, v VARCHAR(20)) ENGINE=Aria TRANSACTIONAL=1",
    "MyISAM": "CREATE TABLE myisam (id INT PRIMARY KEY, v VARCHAR(20), KEY (v)) ENGINE=MyISAM",
}
_WITHOUT_ROWS = {
    "BLACKHOLE": "CREATE TABLE blackhole (id INT) ENGINE=BLACKHOLE",
    "MRG_MYISAM": "CREATE TABLE merged (id INT, v VARCHAR(20), KEY (v)) ENGINE=MERGE UNION=(part) INSERT_METHOD=LAST",
    "FEDERATED": (
        "CREATE TABLE federated (id INT) ENGINE=FEDERATED CONNECTION='mysql://u@127.0.0.1:1/nowhere/nothing'"
    ),
}


def _fill(server: Server, database: str) -> tuple[set[str], set[str]]:
    """The tables with and without rows, of the engines that the server has."""
    with connected(server, database) as cursor:
        cursor.execute("SELECT ENGINE FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')")
        known = {name.upper() for (name,) in cursor.fetchall()}
        cursor.execute("CREATE TABLE part (id INT, v VARCHAR(20), KEY (v)) ENGINE=MyISAM")
        with_rows, without_rows = {"part"}, set()
        for engine, statement in _WITH_ROWS.items():
            if engine.upper() in known:
                name = statement.split()[2]
                with_rows.add(name)
                cursor.execute(statement)
                cursor.execute(f"INSERT INTO {name} (id, v) VALUES (1, 'one'), (2, 'it''s')")
        for engine, statement in _WITHOUT_ROWS.items():
            # MariaDB's FEDERATED connects when a table is made.
            if engine in known and (engine != "FEDERATED" or server.flavor == "mysql"):
                without_rows.add(statement.split()[2])
                cursor.execute(statement)
        cursor.execute("INSERT INTO part VALUES (1, 'x')")
    return with_rows, without_rows


def test_every_engine_has_its_way(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        with_rows, without_rows = _fill(mysql_server, database)
        assert without_rows >= {"merged"}
        assert len(with_rows) >= 5
        want = picture(mysql_server, database)
        with pytest.raises(ConsistencyError, match="memory") as caught:
            back_up(mysql_server, database, tmp_path / "refused")
        assert set(caught.value.context["objects"]) == with_rows
        made = back_up(mysql_server, database, tmp_path / "made", lock_tables=True)
        assert {table.name for table in made.contents.tables} == with_rows
        assert all(any(name in warning for warning in made.warnings) for name in without_rows)
        empty(mysql_server, database)
        restore(mysql_server, database, made.text, tmp_path)
        assert not differences(picture(mysql_server, database), want)
