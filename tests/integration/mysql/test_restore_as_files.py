# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of our own folders sent as files of LOAD DATA LOCAL: the same rows, and the same errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import RestoreError
from dbfleet.mysql.insert_as_file import RowsFile
from dbfleet.mysql.lane import Lane
from dbfleet.mysql.load_options import AUTO, NEVER, LoadOptions
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from . import zoo
from .backup_support import differences, empty, picture, scratch
from .directory_support import back_up_folder
from .restore_support import restore

# What LOAD DATA could take for something else: numbers that are given, times that are set by themselves, defaults.
_MIXED = (
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    """CREATE TABLE mixed (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, data VARBINARY(20),
    made TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, changed TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6)
    ON UPDATE CURRENT_TIMESTAMP(6), text VARCHAR(40) DEFAULT 'none', flags BIT(12) DEFAULT b'101',
    next INT AS (yr + 1) VIRTUAL, kind ENUM('0', '1', 'NULL') DEFAULT '1', yr YEAR DEFAULT 1999) ENGINE=InnoDB""",
    """INSERT INTO mixed (id, data, made, changed, text, flags, kind, yr) VALUES
    (0, 0x00, '2001-02-03 04:05:06', NULL, NULL, NULL, NULL, NULL),
    (3, NULL, '2001-02-03 04:05:06', '2001-02-03 04:05:06.000007', 'NULL', 0xFFF, 'NULL', 0),
    (4, '', NOW(), NULL, '),(', 0x5C, '0', 2000), (5, '),(', NOW(), NULL, '\\N', 0, '1', 1901),
    (18446744073709551614, 'x', '2001-02-03 04:05:06', NULL, '', 1, '1', 2155)""",
)


@contextmanager
def taking_files(server: Server, value: str = "ON") -> Iterator[None]:
    ((_name, before),) = server.execute("SHOW GLOBAL VARIABLES LIKE 'local_infile'")
    server.execute(f"SET GLOBAL local_infile = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL local_infile = {before}")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Every INSERT that is run, by its table, and whether as a file."""
    found: list[tuple[str, bool]] = []
    start, start_rows = Lane.start, Lane.start_rows

    def as_it_is(lane: Lane, text: bytes, action: Any, where: str, line: int) -> None:
        if action.is_data:
            found.append((action.names[0].name, False))
        start(lane, text, action, where, line)

    def as_file(lane: Lane, rows: RowsFile, action: Any, where: str, line: int) -> None:
        found.append((action.names[0].name, True))
        start_rows(lane, rows, action, where, line)

    monkeypatch.setattr(Lane, "start", as_it_is)
    monkeypatch.setattr(Lane, "start_rows", as_file)
    return found


@pytest.mark.parametrize("name", ["mysql57", "mysql97", "mariadb105", "mariadb118"])
def test_the_zoo_comes_back_from_files(
    server_pool: ServerPool, name: str, tmp_path: Path, sent: list[tuple[str, bool]]
) -> None:
    server = server_pool.get(name)
    with scratch(server) as source, taking_files(server):
        zoo.fill(server, source)
        with server.connect(source) as connection:
            for statement in _MIXED:
                connection.cursor().execute(statement)
            connection.commit()
        made = back_up_folder(server, source, tmp_path / "folder", lock_tables=True)
        want = picture(server, source)
        empty(server, source)
        restore(server, source, made.path, tmp_path, jobs=2)
        assert not differences(picture(server, source), want)
    as_files = {name for name, is_file in sent if is_file}
    assert len(as_files) > 15, sent
    # Nothing of a zoo is refused but what gives warnings as an INSERT too.
    again = as_files & {name for name, is_file in sent if not is_file}
    assert again <= {"enums", "times", "dates"}, again


def test_what_a_file_would_skip_is_the_error_of_the_insert(
    mysql_server: Server, tmp_path: Path, sent: list[tuple[str, bool]]
) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server) as target, taking_files(mysql_server):
        mysql_server.execute(f"CREATE TABLE {source}.t (i INT PRIMARY KEY, b BLOB) ENGINE=InnoDB")
        with mysql_server.connect(source) as connection:
            connection.cursor().execute("INSERT INTO t VALUES (1, 'a'), (2, NULL), (3, '')")
            connection.commit()
        made = back_up_folder(mysql_server, source, tmp_path / "folder", compression="none")
        (rows,) = made.path.glob("*.t.00000.sql*")
        text = rows.read_bytes()
        assert b"\n-- Values: NX\n" in text
        rows.write_bytes(text.replace(b"(2,NULL)", b"(1,NULL)"))
        errors = []
        for load_data in (AUTO, NEVER):
            with pytest.raises(RestoreError, match="INSERT INTO t") as caught:
                restore(mysql_server, target, made.path, tmp_path, clean=True, load=LoadOptions(load_data=load_data))
            errors.append(caught.value)
        for fact in ("errno", "line", "statement", "table"):
            assert errors[0].context[fact] == errors[1].context[fact], errors
        assert sent == [("t", True), ("t", False), ("t", False)]


def test_no_file_is_sent_where_none_is_taken(
    mysql_latest: Server, tmp_path: Path, sent: list[tuple[str, bool]]
) -> None:
    with scratch(mysql_latest) as source, scratch(mysql_latest) as target, scratch(mysql_latest) as other:
        with mysql_latest.connect(source) as connection:
            connection.cursor().execute("CREATE TABLE t (i INT PRIMARY KEY) ENGINE=InnoDB")
            connection.cursor().execute("INSERT INTO t VALUES (1), (2)")
            connection.commit()
        made = back_up_folder(mysql_latest, source, tmp_path / "folder")
        with taking_files(mysql_latest, "OFF"):
            restore(mysql_latest, target, made.path, tmp_path)
        with taking_files(mysql_latest):
            restore(mysql_latest, other, made.path, tmp_path, load=LoadOptions(load_data=NEVER))
        assert picture(mysql_latest, target) == picture(mysql_latest, other) == picture(mysql_latest, source)
    assert sent == [("t", False)] * 2
