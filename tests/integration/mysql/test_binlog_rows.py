# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Row values in the binlogs of real servers: what is decoded is what the server itself shows."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.mysql import connection
from dbfleet.mysql.binlog.events import BinlogReader
from dbfleet.mysql.binlog.live_table import LiveTable, read_live_table
from dbfleet.mysql.binlog.row_image import NOT_LOGGED, ONLY_DIFFERENCES, Absent, Image, RowChange
from dbfleet.mysql.binlog.row_reader import DetailsOf, RowReader
from dbfleet.mysql.binlog.row_values import Value
from dbfleet.mysql.binlog.table_details import parse_table_details
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.mysql.session import Session
from dbfleet.streams.file import FileSource
from tests.servers import Server
from tests.servers.fixtures import Database

from .row_values_support import columns_of, random_value

ROWS = 60


class Table:
    """A table ``t`` of a database, and what is logged of it from now on."""

    def __init__(self, database: Database, session: Session) -> None:
        self.database = database
        self.session = session
        self.server: Server = database.server
        session.execute("FLUSH BINARY LOGS")
        self.file = self.server.execute("SHOW BINARY LOGS")[-1][0]

    @property
    def live(self) -> LiveTable:
        return read_live_table(self.session, self.database.name, "t")

    def changes(self, details_of: DetailsOf = parse_table_details) -> list[RowChange]:
        path = Path(self.server.execute("SELECT @@log_bin_basename")[0][0]).parent / self.file
        with contextlib.closing(FileSource(str(path))) as source:
            reader = RowReader(BinlogReader(source, self.file), self.file, details_of)
            return [change for rows in reader.between(0, 1 << 60) for change in rows.changes()]

    def shown(self) -> list[tuple[Value, ...]]:
        live = self.live
        selected = ", ".join(column.expression for column in live.columns)
        rows = self.session.query_bytes(f"SELECT {selected} FROM {live.quoted} ORDER BY 1")
        return [tuple(column.of_server(text) for column, text in zip(live.columns, row)) for row in rows]


@pytest.fixture
def table(mysql_database: Database) -> Iterator[Table]:
    server = mysql_database.server
    options = ConnectionOptions(unix_socket=server.socket, user=server.user, password=server.password or "")
    with contextlib.closing(connection.connect(options)) as session:
        session.execute("SET time_zone = '+00:00', sql_mode = ''")
        session.execute(f"USE {mysql_database.name}")
        yield Table(mysql_database, session)


def comparable(live: LiveTable, image: Image | None) -> tuple[object, ...]:
    assert image is not None
    return tuple(
        value if isinstance(value, Absent) else column.of_image(value) for column, value in zip(live.columns, image)
    )


def full(image: Image | None) -> list[Value]:
    assert image is not None
    return [value for value in image if not isinstance(value, Absent)]


def test_every_value_is_what_the_server_shows(table: Table) -> None:
    kinds = columns_of(table.server)
    rnd = random.Random(table.server.version[0])
    defined = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    table.session.execute(
        f"CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, {defined}, "
        "made INT AS (tiny + 1), kept INT AS (tiny) STORED)"
    )
    for first in range(1, ROWS, 10):
        rows = [
            ", ".join([str(first + place), *(random_value(rnd, kind) for kind in kinds.values())])
            for place in range(10)
        ]
        table.session.execute(f"INSERT INTO t (id, {', '.join(kinds)}) VALUES ({'), ('.join(rows)})")
    live = table.live
    decoded = [comparable(live, change.after) for change in table.changes(lambda _table, _what: live.details)]
    assert len(decoded) == ROWS
    for want, have in zip(table.shown(), decoded):
        assert dict(zip(kinds, want[1:])) == dict(zip(kinds, have[1:]))
        assert want == have
    # What the logged values are as SQL gives the same rows again.
    written = [live.columns[index] for index in live.written]
    table.session.execute("CREATE TABLE u LIKE t")
    for change in table.changes(lambda _table, _what: live.details):
        raw = full(change.after)
        values = ", ".join(column.literal(raw[index]) for index, column in zip(live.written, written))
        names = ", ".join(f"`{column.name}`" for column in written)
        table.session.execute(f"INSERT INTO u ({names}) VALUES ({values})")
        conditions = [column.condition(value) for column, value in zip(live.columns, raw)]
        for each in conditions:
            assert table.session.scalar(f"SELECT COUNT(*) FROM t WHERE id = {raw[0]} AND {each}") == "1", each
        condition = " AND ".join(conditions)
        assert table.session.scalar(f"SELECT COUNT(*) FROM u WHERE {condition}") == "1"
        assert table.session.scalar(f"SELECT COUNT(*) FROM t WHERE {condition}") == "1"
    shown = ", ".join(f"HEX(`{column.name}`)" for column in live.columns)
    assert table.session.query(f"SELECT {shown} FROM u ORDER BY id") == table.session.query(
        f"SELECT {shown} FROM t ORDER BY id"
    )


def test_what_the_log_says_of_the_columns(table: Table) -> None:
    kinds = columns_of(table.server)
    defined = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    if table.session.has_variable("binlog_row_metadata"):
        table.session.execute("SET GLOBAL binlog_row_metadata = FULL")
    try:
        table.session.execute(f"CREATE TABLE t (id INT PRIMARY KEY, {defined})")
        table.session.execute(
            "INSERT INTO t (id, vec) VALUES (1, 0x0000803F0000803F0000803F)"
            if "vec" in kinds
            else "INSERT INTO t (id) VALUES (1)"
        )
    finally:
        if table.session.has_variable("binlog_row_metadata"):
            table.session.execute("SET GLOBAL binlog_row_metadata = DEFAULT")
    found = []
    table.changes(lambda logged, what: found.append(parse_table_details(logged, what)) or found[-1])  # type: ignore[func-returns-value]
    details = {column.name: column for column in found[0].columns}
    if not table.session.has_variable("binlog_row_metadata"):
        assert [*details][:2] == ["@1", "@2"]
        return
    assert list(details) == ["id", *kinds]
    assert found[0].primary_key == (0,)
    for name, kind in kinds.items():
        if kind.split()[0] in ("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "BIGINT", "FLOAT", "DOUBLE"):
            assert details[name].unsigned == ("UNSIGNED" in kind), name
    sets = {name: details[name].character_set for name in ("vc", "latin", "sjis", "ucs", "bin", "bl", "lt", "en")}
    assert sets == dict(zip(sets, ("utf8mb4", "latin1", "sjis", "ucs2", "binary", "binary", "utf8mb4", "utf8mb4")))
    assert details["en"].labels == ("a", "b", "", "é")
    assert details["st"].labels == ("x", "y", "z")


def test_images_that_are_not_full(table: Table) -> None:
    table.session.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(10), c BLOB)")
    table.session.execute("INSERT INTO t VALUES (1, 2, 'x', 'y')")
    table.session.execute("SET SESSION binlog_row_image = MINIMAL")
    table.session.execute("UPDATE t SET a = 3")
    table.session.execute("SET SESSION binlog_row_image = NOBLOB")
    table.session.execute("UPDATE t SET a = 4")
    full, minimal, no_blob = table.changes()
    assert full.is_full
    assert minimal == RowChange((1, NOT_LOGGED, NOT_LOGGED, NOT_LOGGED), (NOT_LOGGED, 3, NOT_LOGGED, NOT_LOGGED))
    assert no_blob == RowChange((1, 3, b"x", NOT_LOGGED), (1, 4, b"x", NOT_LOGGED))
    assert not minimal.is_full
    if not table.session.has_variable("binlog_row_value_options"):
        return
    table.session.execute("CREATE TABLE p (id INT PRIMARY KEY, d JSON, e JSON)")
    table.session.execute('INSERT INTO p VALUES (1, \'{"a": "abcdefgh", "b": 2}\', \'[1]\')')
    table.session.execute("SET SESSION binlog_row_image = FULL, binlog_row_value_options = PARTIAL_JSON")
    table.session.execute("UPDATE p SET d = JSON_SET(d, '$.a', 'z'), e = '[1, 2]'")
    last = table.changes()[-1]
    assert last.before == (1, '{"a": "abcdefgh", "b": 2}', "[1]")
    assert last.after == (1, ONLY_DIFFERENCES, "[1, 2]")


def test_times_in_the_format_before_fractions(table: Table) -> None:
    if table.server.flavor != "mariadb":
        return
    table.session.execute("SET GLOBAL mysql56_temporal_format = OFF")
    try:
        table.session.execute("CREATE TABLE t (id INT PRIMARY KEY, a TIME, b DATETIME, c TIMESTAMP)")
    finally:
        table.session.execute("SET GLOBAL mysql56_temporal_format = ON")
    table.session.execute("INSERT INTO t VALUES (1, '-838:59:58', '9999-12-31 23:59:59', '2038-01-19 03:14:07')")
    table.session.execute("INSERT INTO t VALUES (2, '0:00:01', '0000-00-00 00:00:00', '1970-01-01 00:00:01')")
    live = table.live
    assert [comparable(live, change.after) for change in table.changes()] == table.shown()
