# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listing the binlogs of real servers, against what was done to them and what the genuine program sees."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import DbfleetError
from dbfleet.mysql.binlog.events import BinlogReader
from dbfleet.mysql.binlog.transactions import transactions
from dbfleet.streams.file import FileSource
from tests import servers
from tests.servers import Server
from tests.servers.fixtures import Database

COLUMNS = """a INT PRIMARY KEY AUTO_INCREMENT, b VARCHAR(20), c VARCHAR(300), d CHAR(10),
    e CHAR(200) CHARACTER SET utf8mb4, f DECIMAL(30,10), g DATETIME(6), h TIMESTAMP(3) NULL, i TIME(2), j DATE, k YEAR,
    l FLOAT, m DOUBLE, n BIT(13), o BLOB, p LONGTEXT, q ENUM('a','b'), r SET('x','y','z'), s JSON, u GEOMETRY,
    v TINYINT, w SMALLINT, x MEDIUMINT, y BIGINT, z DECIMAL(5,0)"""
ROW = """(NULL, 'ä', 'x', 'y', 'zzz', -123.45, '2020-01-01 10:11:12.123456', '2020-01-01 10:11:12.123', '-10:11:12.12',
    '2020-02-02', 2020, 1.5, 2.5, b'1010101', REPEAT('o', 300), REPEAT('p', 70000), 'b', 'x,z', '{"a": [1, 2]}',
    ST_GeomFromText('POINT(1 2)'), 1, 2, 3, 4, 5)"""
NULLS = "(" + ", ".join(["NULL"] * 25) + ")"
SECRET = "a value nobody may see"


@pytest.fixture
def log(mysql_database: Database) -> Path:
    """The server's next binlog file, closed after a workload of every kind."""
    server, name = mysql_database.server, mysql_database.name
    server.execute("FLUSH BINARY LOGS")
    current = server.execute("SHOW BINARY LOGS")[-1][0]
    work = [
        f"CREATE TABLE t ({COLUMNS})",
        f"INSERT INTO t VALUES {ROW}, {NULLS}, {ROW}",
        "UPDATE t SET b = 'u' WHERE a < 3",
        "DELETE FROM t WHERE a = 2",
        "BEGIN",
        "INSERT INTO t (a) VALUES (100), (101)",
        "SAVEPOINT here",
        "UPDATE t SET p = NULL",
        "COMMIT",
        "SET SESSION binlog_format = STATEMENT",
        f"INSERT INTO t (c) VALUES ('{SECRET}')",
        "SET SESSION binlog_format = ROW",
        "XA START 'q'",
        "INSERT INTO t (a) VALUES (500)",
        "XA END 'q'",
        "XA PREPARE 'q'",
        "XA COMMIT 'q'",
        "TRUNCATE TABLE t",
        "CREATE TABLE gone (a INT PRIMARY KEY)",
        "DROP TABLE gone",
    ]
    server.execute(*work, *_of_the_version(server), database=name)
    server.execute("FLUSH BINARY LOGS")
    return Path(server.execute("SELECT @@log_bin_basename")[0][0]).parent / current


def _of_the_version(server: Server) -> list[str]:
    if server.flavor == "mariadb":
        return [
            "SET GLOBAL log_bin_compress_min_len = 10",
            "SET GLOBAL log_bin_compress = 1",
            "CREATE TABLE own (a INET6, c VARCHAR(1000) COMPRESSED, d BLOB COMPRESSED)",
            "INSERT INTO own VALUES ('::1', REPEAT('a', 900), REPEAT('b', 900)), ('fe80::', NULL, 'x')",
            "SET GLOBAL log_bin_compress = 0",
        ]
    if server.version[0] < 9:
        return []
    return [
        "CREATE TABLE own (a VECTOR(3), s JSON)",
        "INSERT INTO own VALUES (STRING_TO_VECTOR('[1,2,3]'), '{\"a\": 1, \"b\": [1, 2, 3]}')",
        "SET SESSION binlog_row_value_options = PARTIAL_JSON",
        "UPDATE own SET s = JSON_SET(s, '$.a', 2)",
        "SET SESSION binlog_transaction_compression = 1",
        f"INSERT INTO t VALUES {ROW}, {NULLS}",
        "SET SESSION binlog_transaction_compression = 0",
        "SET GTID_NEXT = 'AUTOMATIC:nightly'",
        "INSERT INTO t (a) VALUES (900)",
        "SET GTID_NEXT = 'AUTOMATIC'",
    ]


def listed(*words: object) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "list", "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def changed(transaction: dict[str, Any], database: str, table: str) -> tuple[int, int, int] | None:
    for each in transaction["tables"]:
        if each["name"] == f"{database}.{table}":
            return each["inserted"], each["updated"], each["deleted"]
    return None


def test_everything_that_was_done_is_listed(mysql_database: Database, log: Path) -> None:
    name = mysql_database.name
    found = listed(log)
    assert all(each["complete"] for each in found)
    rows = [counts for each in found if (counts := changed(each, name, "t")) is not None]
    assert rows[:4] == [(3, 0, 0), (0, 2, 0), (0, 0, 1), (2, 2, 0)]
    statements = [text for each in found for text in each["statements"]]
    for text in ("CREATE TABLE {}.t", "INSERT {}.t", "TRUNCATE TABLE {}.t", "DROP TABLE {}.gone"):
        assert text.format(name) in statements
    prepared = [changed(each, name, "t") for each in found if each["prepared"]]
    assert prepared in ([(1, 0, 0)], [])
    own = [counts for each in found if (counts := changed(each, name, "own")) is not None]
    if mysql_database.server.flavor == "mariadb":
        assert own == [(2, 0, 0)]
    elif mysql_database.server.version[0] >= 9:
        assert own == [(1, 0, 0), (0, 1, 0)]
        assert rows[-2:] == [(2, 0, 0), (1, 0, 0)]
        assert found[-1]["gtid"].endswith(":nightly:1")
    assert SECRET not in json.dumps(found)
    beside = sorted(log.parent.glob(f"{log.name}*"))
    if mysql_database.server.flavor == "mariadb" and mysql_database.server.version >= (11, 4):
        # Its index of GTIDs, which a shell's pattern finds with the log.
        assert [path.name for path in beside] == [log.name, f"{log.name}.idx"]
    assert listed(*beside) == found


def test_the_genuine_program_sees_the_same_transactions(mysql_database: Database, log: Path) -> None:
    server = mysql_database.server
    program = "mariadb-binlog" if server.flavor == "mariadb" else "mysqlbinlog"
    shown = servers.client(program).run(server, "--read-from-remote-server", log.name).stdout.decode("utf-8", "replace")
    if server.flavor == "mariadb":
        gtids = re.findall(r"GTID (\d+-\d+-\d+)", shown)
    else:
        gtids = re.findall(r"GTID_NEXT= '([^A][^']*)'", shown)
    found = listed(log)
    assert [each["gtid"] for each in found] == gtids
    starts = [int(number) for number in re.findall(r"^# at (\d+)$", shown, re.MULTILINE)]
    assert {each["start"] for each in found} <= set(starts)
    assert log.stat().st_size >= found[-1]["end"]


def test_filters(mysql_database: Database, log: Path) -> None:
    name = mysql_database.name
    everything = listed(log)
    drops = listed("--verb", "drop", "--verb", "truncate", log)
    assert [each["statements"] for each in drops] == [[f"TRUNCATE TABLE {name}.t"], [f"DROP TABLE {name}.gone"]]
    assert listed("--database", "no_such_database", log) == []
    assert len(listed("--table", f"{name}.gone", log)) == 2
    third = everything[2]
    assert listed("--include-gtids", third["gtid"], log)[-1] == third
    assert third not in listed("--exclude-gtids", third["gtid"], log)
    assert listed("--start-position", third["start"], log) == everything[2:]
    assert listed("--stop-position", third["start"], log) == everything[:2]
    assert listed("--start-datetime", third["time"], log) == [e for e in everything if e["time"] >= third["time"]]
    assert listed("--stop-datetime", third["time"], log) == [e for e in everything if e["time"] < third["time"]]


def test_rows_are_shown_on_request(mysql_database: Database, log: Path) -> None:
    table = f"{mysql_database.name}.t"
    assert not [line for line in listed(log) if "row" in line]
    found = listed("--rows", "--table", table, "--verb", "update", "--verb", "delete", log)
    rows = [line["row"] for line in found if "row" in line]
    assert {row["table"] for row in rows} == {table}
    assert [row["change"] for row in rows][:3] == ["update", "update", "delete"]
    first, second, deleted = rows[:3]
    names = list(first["before"])
    assert names == [f"@{number}" for number in range(1, 26)]
    assert (first["before"]["@2"], first["after"]["@2"], first["after"]["@1"]) == ("ä", "u", 1)
    assert first["before"]["@6"] == "-123.4500000000"
    assert second["after"] == {**dict.fromkeys(names), "@1": 2, "@2": "u"}
    assert (deleted["before"], deleted["after"]) == (second["after"], None)
    transactions_of = [line["tables"] for line in found if "row" not in line]
    assert sum(each["updated"] + each["deleted"] for tables in transactions_of for each in tables) == len(rows)


def test_a_damaged_file_is_an_error_and_never_a_crash(mysql_latest_database: Database, tmp_path: Path) -> None:
    database = mysql_latest_database
    database.server.execute("FLUSH BINARY LOGS")
    current = database.server.execute("SHOW BINARY LOGS")[-1][0]
    database.execute(f"CREATE TABLE t ({COLUMNS})", f"INSERT INTO t VALUES {ROW}", "DELETE FROM t")
    database.server.execute("FLUSH BINARY LOGS")
    folder = Path(database.server.execute("SELECT @@log_bin_basename")[0][0]).parent
    data = (folder / current).read_bytes()
    copy = tmp_path / "copy"
    for size in range(5, len(data), 997):
        copy.write_bytes(data[:size])
        with contextlib.suppress(DbfleetError), contextlib.closing(FileSource(str(copy))) as source:
            assert all(each.end <= size for each in transactions(BinlogReader(source, "copy"), "copy"))
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 0x10
    copy.write_bytes(damaged)
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "list", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "checksum" in done.stderr
    assert "copy is damaged at" in done.stderr
