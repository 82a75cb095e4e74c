# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binlogs in mysqlbinlog's form: the genuine client makes of them what the source is, as of mysqlbinlog's own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dbfleet.errors import UnsupportedObjectError
from dbfleet.mysql.binlog.listing import TransactionFilter, list_transactions
from dbfleet.mysql.binlog.text_form import TextRequest, write_text
from dbfleet.progress import Progress
from tests import servers
from tests.servers import Server

from .test_binlog_list import COLUMNS, NULLS, ROW
from .test_binlog_replay import BY_STATEMENT, OBJECTS, Pair, newest, pair

__all__ = ["newest", "pair"]

WIDE = [
    f"CREATE TABLE wide ({COLUMNS})",
    f"INSERT INTO wide VALUES {ROW}, {NULLS}, {ROW}",
    "UPDATE wide SET b = 'u', p = NULL WHERE a < 3",
    "DELETE FROM wide WHERE a = 2",
]
HALVES = [
    "SET NAMES gbk",
    b"CREATE TABLE halves (a VARCHAR(20) CHARACTER SET gbk) COMMENT '\x95\x5c'",
    "SET SESSION binlog_format = STATEMENT",
    b"INSERT INTO halves VALUES ('\x95\x5c'), ('it''s')",
    "SET SESSION binlog_format = ROW",
]


def text_of(folder: Path, *words: object) -> bytes:
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "text", str(folder), *map(str, words)]
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout


def client_of(server: Server) -> servers.ClientProgram:
    return servers.client("mariadb" if server.flavor == "mariadb" else "mysql")


def statements(script: bytes) -> Counter[str]:
    """The statements of a script that do something, without what both programs write in ways of their own."""
    text = script.decode("latin-1")
    found = re.findall(
        r"(?:^|\n)((?:CREATE|DROP|INSERT|UPDATE|DELETE|ALTER|XA|BINLOG)\b.*?)\s*/\*!\*/;", text, re.DOTALL
    )
    return Counter(re.sub(r"BINLOG '.*'", "BINLOG", each, flags=re.DOTALL) for each in found)


def gtids(script: bytes) -> list[bytes]:
    found = re.findall(rb"(?:GTID_NEXT\s*=\s*'([^']*:\d+)'|gtid_seq_no\s*=\s*(\d+))", script, re.IGNORECASE)
    # MariaDB's program says a number only where it is not the next one.
    return [max(pair) for pair in found]


def do_everything(source: Server, rows: Path) -> None:
    source.execute(*BY_STATEMENT, database="d")
    source.execute("FLUSH BINARY LOGS", *OBJECTS, database="d")
    source.execute(*WIDE, database="d")
    connection = source.connect("d")
    with connection, connection.cursor():
        for statement in HALVES:
            # As bytes: they are in no character set that the driver knows.
            connection._execute_command(3, statement if isinstance(statement, bytes) else statement.encode())
            connection._read_query_result()
    rows.write_bytes(b"1\tx\n2\ty'\\\\\n")
    load = f"SET binlog_format = STATEMENT; LOAD DATA LOCAL INFILE '{rows}' INTO TABLE l"
    source.execute("CREATE TABLE l (a INT, b VARCHAR(9))", database="d")
    client_of(source).run(source, "--local-infile", "d", "-e", load)
    if source.flavor == "mariadb":
        source.execute("SET GLOBAL log_bin_compress_min_len = 10", "SET GLOBAL log_bin_compress = 1")
    elif source.version[0] >= 9:
        source.execute("SET GLOBAL binlog_transaction_compression = 1")
    source.execute("INSERT INTO t (b) SELECT REPEAT(HEX(a * 7919), 4000) FROM t", "FLUSH BINARY LOGS", database="d")


def test_the_genuine_client_makes_of_it_what_the_source_is(pair: Pair, tmp_path: Path) -> None:
    source, target = pair.source, pair.target
    for server in (source, target):
        server.execute("SET GLOBAL local_infile = 1")
    do_everything(source, tmp_path / "rows")
    pair.archive()
    with pytest.raises(UnsupportedObjectError, match="loads a file"):
        write_text(TextRequest((str(pair.folder),), TransactionFilter()), lambda _data: None, Progress())
    script = text_of(pair.folder, "--local-load", tmp_path)
    client_of(target).run(target, "--binary-mode", "--local-infile", input=script)
    pair.assert_equal()
    executed = "SELECT @@gtid_binlog_pos" if source.flavor == "mariadb" else "SELECT @@global.gtid_executed"
    assert target.execute(executed) == source.execute(executed)
    # The vendor's own program prints the same statements, in as many pieces.
    program = servers.client("mariadb-binlog" if source.flavor == "mariadb" else "mysqlbinlog")
    files = sorted(path for path in pair.folder.iterdir() if re.fullmatch(r".*\.\d{6}", path.name))
    genuine = program.run(None, f"--local-load={tmp_path}", *files).stdout
    assert statements(script) == statements(genuine)
    if source.flavor == "mysql":
        assert gtids(script) == gtids(genuine)


def test_parts_and_other_names(newest: Pair) -> None:
    source, target = newest.source, newest.target
    work = ("CREATE TABLE u (a INT PRIMARY KEY)", "INSERT INTO u VALUES (1)", "INSERT INTO t (b) VALUES ('x')")
    source.execute(*work, database="d")
    newest.archive()
    target.execute("CREATE DATABASE e")
    words = ("--table", "d.u", "--rewrite-db", "d->e", "--skip-gtids", "--emptied", "skip")
    client_of(target).run(target, input=text_of(newest.folder, *words, "--start-position", _second(newest)))
    assert target.execute("SELECT * FROM e.u") == [(1,)]
    assert target.execute("SHOW TABLES FROM e") == [("u",)]


def _second(made: Pair) -> int:
    """Where the transaction behind the one that makes the database begins."""
    files = [path for path in made.folder.iterdir() if path.suffix == ".part"]
    return [found.transaction.start for found in list_transactions([str(files[0])], TransactionFilter())][1]
