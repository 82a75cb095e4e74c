# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables that several processes read in slices: every row once, whatever the key, and one moment for all."""

from __future__ import annotations

import hashlib
import random
import time
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConsistencyError, DbfleetError, PrivilegeError
from dbfleet.mysql import chunks, dump_parallel
from dbfleet.mysql.catalog.tables import read_tables
from dbfleet.mysql.connection import connect
from dbfleet.streams.digest import combined_digest
from tests.servers import Server

from .backup_support import differences, empty, options, picture, scratch
from .directory_support import back_up_folder, load_with_myloader
from .test_backup_consistency import assert_one_moment, events_until, grant, prepare, replay, totals, writing

ROWS = 500
# The columns of the key, and what gives one value of it; a table of each is filled at random.
KEYS: dict[str, tuple[str, Any]] = {
    "even": ("id INT NOT NULL", lambda pick, number: str(number)),
    "negative": ("id BIGINT NOT NULL", lambda pick, number: str(pick.randint(-(2**63), 2**63 - 1))),
    "sparse": ("id BIGINT UNSIGNED NOT NULL", lambda pick, number: str(2 ** pick.randint(0, 62) + number)),
    "decimals": ("d DECIMAL(20,6) NOT NULL", lambda pick, number: f"{pick.randint(-(10**9), 10**9)}.{number:06d}"),
    "moments": (
        "at DATETIME(3) NOT NULL",
        lambda pick, number: f"'20{pick.randint(10, 29)}-0{pick.randint(1, 9)}-11 12:13:{number % 60}.{number % 1000}'",
    ),
    "stamps": (
        "at TIMESTAMP(6) NOT NULL",
        lambda pick, number: f"FROM_UNIXTIME({pick.randint(1, 2**31)} + 0.{number})",
    ),
    "hours": ("at TIME(6) NOT NULL", lambda pick, number: f"'{pick.randint(-800, 800)}:00:00.{number:06d}'"),
    "bytes": ("b VARBINARY(20) NOT NULL", lambda pick, number: f"0x{pick.getrandbits(64):016x}{number:08x}"),
    "fixed": ("b BINARY(8) NOT NULL", lambda pick, number: f"0x{pick.getrandbits(30) << 2:08x}{number:08x}"),
    "hashes": ("h CHAR(40) CHARACTER SET ascii NOT NULL", lambda pick, number: f"LEFT(SHA2('{number}', 256), 40)"),
    "words": ("w VARCHAR(30) NOT NULL", lambda pick, number: f"'{_word(pick)}{number}'"),
    "binary_words": (
        "w VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
        lambda pick, number: f"'{_word(pick)}{number}'",
    ),
    "latin": ("w VARCHAR(30) CHARACTER SET latin1 NOT NULL", lambda pick, number: f"'{_word(pick, 'äöüßÿ€')}{number}'"),
    "prefixed": ("w VARCHAR(40) NOT NULL", lambda pick, number: f"'customer-0000{number}'"),
    "pairs": (
        "a INT NOT NULL, w VARCHAR(20) NOT NULL",
        lambda pick, number: f"{pick.randint(0, 3)}, '{_word(pick)}{number}'",
    ),
    "triples": (
        "w VARCHAR(9) NOT NULL, a INT NOT NULL, b INT NOT NULL",
        lambda pick, number: f"'{pick.choice(['one', 'two', 'Zwei'])}', {pick.randint(0, 1)}, {number}",
    ),
    "years": ("y YEAR NOT NULL, n SMALLINT NOT NULL", lambda pick, number: f"{pick.randint(1970, 2069)}, {number}"),
}
# Such keys are not used: the table is read by one process.
UNUSED: dict[str, tuple[str, Any]] = {
    "reals": ("f DOUBLE NOT NULL", lambda pick, number: str(pick.random() * 10 ** pick.randint(-9, 9))),
    "choices": (
        "e ENUM('z','a','m') NOT NULL, n INT NOT NULL",
        lambda pick, number: f"'{pick.choice('zam')}', {number}",
    ),
    "japanese": (
        "w VARCHAR(20) CHARACTER SET cp932 NOT NULL",
        lambda pick, number: f"'{pick.choice('表能予')}{number}'",
    ),
}


def _word(pick: random.Random, letters: str = "aAbBzZ09 _é-日") -> str:
    return "".join(pick.choice(letters) for _letter in range(pick.randint(0, 12)))


def _fill(server: Server, database: str, name: str, columns: str, value: Any, rows: int = ROWS) -> None:
    pick = random.Random(name)
    key = ", ".join(part.strip(", ").split()[0] for part in columns.split("NOT NULL") if part.strip(", "))
    with server.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("SET sql_mode = '', time_zone = '+00:00'")
        cursor.execute(f"CREATE TABLE {name} ({columns}, filler VARCHAR(50), PRIMARY KEY ({key}))")
        values = ",".join(f"({value(pick, number)}, REPEAT('x', {number % 50}))" for number in range(rows))
        cursor.execute(f"INSERT IGNORE INTO {name} VALUES {values}")


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_parallel, "_DIVIDED_FROM", 0)
    monkeypatch.setattr(dump_parallel, "_FIRST_LIMIT", 97)
    monkeypatch.setattr(dump_parallel, "_SLICE_BYTES", 2500)


def _by_chunks(server: Server, database: str, folder: Path, jobs: int, kinds: dict[str, Any]) -> dict[str, int]:
    """Back up and load; how many files each table has."""
    want = picture(server, database)
    made = back_up_folder(server, database, folder, jobs=jobs)
    rows = {name.removeprefix("rows of "): found[0] for name, found in want.items() if name.startswith("rows of ")}
    assert {table.name: table.rows for table in made.contents.tables} == rows
    assert all(count >= ROWS * 0.9 for name, count in rows.items() if name in kinds)
    empty(server, database)
    load_with_myloader(server, made.path, database)
    assert not differences(picture(server, database), want)
    return {name: len(list(made.path.glob(f"{database}.{name}.*.sql.gz"))) for name in kinds}


@pytest.mark.parametrize(("name", "jobs"), [("mysql97", 3), ("mariadb118", 1)])
def test_every_row_once_whatever_the_key(server_pool: Any, tmp_path: Path, name: str, jobs: int) -> None:
    server = server_pool.get(name)
    with scratch(server) as database:
        for kind, (columns, value) in {**KEYS, **UNUSED}.items():
            _fill(server, database, kind, columns, value)
        files = _by_chunks(server, database, tmp_path, jobs, {**KEYS, **UNUSED})
    assert {kind for kind, count in files.items() if count == 1} == set(UNUSED)
    assert min(files[kind] for kind in KEYS) > 3, files


def test_ranges_divided_again_and_again_hold_every_row_once(mysql_server: Server) -> None:
    with scratch(mysql_server) as database:
        for kind, (columns, value) in KEYS.items():
            _fill(mysql_server, database, kind, columns, value, 200)
        session = connect(options(mysql_server, database).connection, database=database)
        try:
            session.execute("SET time_zone = '+00:00', sql_mode = ''")
            found = {table.name: _read_at_random(session, table) for table in read_tables(session, database)}
        finally:
            session.close()
    undivided = {kind for kind, (divisions, _rows) in found.items() if divisions < 4}
    # Of times of the day no middle is looked for.
    assert undivided == {"hours"}


def _read_at_random(session: Any, table: Any) -> tuple[int, int]:
    """Divide ranges, or read the beginning of them, at random until nothing is left; divisions and rows."""
    pick = random.Random(table.name)
    key = chunks.read_key(session, table)
    assert key is not None
    source = chunks.source_of(table, "", key)
    names = ", ".join(f"HEX({column.quoted})" for column in key.columns)
    columns = {column.name: column for column in table.stored_columns}
    values = ", ".join(columns[column.name].expressions[0] for column in key.columns)
    left, rows, divisions = [chunks.Range()], [], 0
    while left:
        part = left.pop(pick.randrange(len(left)))
        bound = chunks.divide(session, table, source, key, part) if pick.random() < 0.6 else None
        if bound is not None:
            divisions += 1
            left.extend(part.divided(bound))
            continue
        limit = pick.randint(1, 20)
        conditions = " AND ".join(part.conditions(key)) or "TRUE"
        query = f"SELECT {names}, {values} FROM {source} WHERE {conditions} ORDER BY {key.order} LIMIT {limit}"
        found = session.query_bytes(query)
        rows += [row[: len(key.columns)] for row in found]
        if len(found) == limit:
            last = tuple(
                column.literal(value) for column, value in zip(key.columns, found[-1][len(key.columns) :], strict=True)
            )
            assert chunks.is_exact(session, source, key, last)
            left.append(part.rest(last))
    everything = session.query_bytes(f"SELECT {names} FROM {source}")
    assert sorted(rows) == sorted(everything)
    return divisions, len(rows)


def test_no_orphan_and_an_exact_position_with_four_processes_under_writers(
    mysql_server: Server, tmp_path: Path
) -> None:
    with scratch(mysql_server) as database:
        prepare(mysql_server, database)
        with writing(mysql_server, database):
            made = back_up_folder(mysql_server, database, tmp_path, jobs=4)
            time.sleep(0.3)
        want = totals(mysql_server, database)
        # What is replayed ends here: not the dropping below.
        mysql_server.execute("FLUSH BINARY LOGS")
        last = [row[0] for row in mysql_server.execute("SHOW BINARY LOGS")][-1]
        events = events_until(mysql_server, database, made, last)
        empty(mysql_server, database)
        load_with_myloader(mysql_server, made.path, database)
        assert_one_moment(mysql_server, database)
        replay(mysql_server, database, events)
        assert totals(mysql_server, database) == want
    assert len(list(made.path.glob(f"{database}.a_child.*.sql.gz"))) > 3
    assert made.contents.snapshot["method"] in ("binlog_snapshot", "global_lock")
    assert made.contents.snapshot["gtid"]


def test_the_record_of_a_divided_table_is_made_of_its_files(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        _fill(mysql_latest, database, "even", *KEYS["even"])
        mysql_latest.execute("CREATE TABLE one (id INT)", "INSERT INTO one VALUES (1)", database=database)
        made = back_up_folder(mysql_latest, database, tmp_path, jobs=2, compression="none")
    record = next(table for table in made.contents.tables if table.name == "even")
    files = sorted(made.path.glob(f"{database}.even.*.sql"))
    parts = [_statements(path) for path in files]
    assert record.rows == ROWS
    assert record.parts == tuple(map(len, parts))
    assert record.bytes == sum(map(len, parts))
    assert record.sha256 == combined_digest(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    # Loaded by several connections without looking at unique keys, a table of MariaDB's sometimes deadlocks.
    assert len(parts) > 1
    assert all(b"UNIQUE_CHECKS=1" in path.read_bytes() for path in made.path.glob(f"{database}.even.*.sql"))
    (undivided,) = made.path.glob(f"{database}.one.*.sql")
    assert b"UNIQUE_CHECKS=0" in undivided.read_bytes()


def _statements(path: Path) -> bytes:
    content = path.read_bytes()
    begin = content.index(b"INSERT INTO ")
    assert content.endswith(b";\n-- Dump completed\n")
    return content[begin : -len(b"-- Dump completed\n")]


def test_partitions_are_read_each_for_itself(server_pool: Any, tmp_path: Path) -> None:
    for number, name in enumerate(("mysql97", "mariadb118")):
        server = server_pool.get(name)
        with scratch(server) as database:
            server.execute(
                "CREATE TABLE hashed (id INT PRIMARY KEY, x INT) PARTITION BY HASH (id) PARTITIONS 5",
                "CREATE TABLE ranged (id INT, at INT, PRIMARY KEY (id, at)) PARTITION BY RANGE (at) SUBPARTITION BY "
                "HASH (id) SUBPARTITIONS 2 "
                "(PARTITION p0 VALUES LESS THAN (3), PARTITION `p 1` VALUES LESS THAN MAXVALUE)",
                "CREATE TABLE keyless (id INT, x INT) PARTITION BY HASH (id) PARTITIONS 3",
                "INSERT INTO hashed VALUES " + ",".join(f"({one}, {one})" for one in range(1000)),
                "INSERT INTO ranged SELECT id, id % 7 FROM hashed",
                "INSERT INTO keyless SELECT id, id FROM hashed",
                database=database,
            )
            kinds = {"hashed": 5, "ranged": 4, "keyless": 3}
            files = _by_chunks(server, database, tmp_path / str(number), 3, kinds)
        assert files["hashed"] > 5
        assert files["ranged"] > 4
        assert files["keyless"] == 3


def test_a_rest_is_divided_where_a_process_has_nothing_to_do(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    divided: list[Any] = []
    divide = chunks.divide

    def noted(*arguments: Any) -> Any:
        divided.append(divide(*arguments))
        return divided[-1]

    monkeypatch.setattr(chunks, "divide", noted)
    with scratch(mysql_latest) as database:
        _fill(mysql_latest, database, "words", *KEYS["words"])
        _by_chunks(mysql_latest, database, tmp_path, 4, {"words": KEYS["words"]})
    assert len([bound for bound in divided if bound is not None]) >= 3


def test_the_key_of_a_row_too_large_for_a_batch(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        mysql_latest.execute(
            "CREATE TABLE t (body LONGBLOB, id VARCHAR(20) PRIMARY KEY, note LONGTEXT)",
            *(
                f"INSERT INTO t VALUES (REPEAT(0x00FF27, {100_000 * (one % 2)}), 'key''{one}', REPEAT('é', {one % 2}))"
                for one in range(110)
            ),
            database=database,
        )
        want = picture(mysql_latest, database)
        made = back_up_folder(mysql_latest, database, tmp_path, jobs=2)
        empty(mysql_latest, database)
        load_with_myloader(mysql_latest, made.path, database)
        assert not differences(picture(mysql_latest, database), want)
    assert made.contents.tables[0].rows == 110


def test_a_definition_that_changes_between_two_slices_fails_the_backup(
    mysql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server cannot forbid it: the processes hold no lock between slices."""
    if mysql_server.version[0] >= 8 and mysql_server.flavor == "mysql":
        monkeypatch.setattr("dbfleet.mysql.snapshot.lock_definitions", lambda session: False)
    submit = dump_parallel.Scheduler._submit
    done: list[str] = []

    def submit_and_alter(self: Any, reading: Any, *arguments: Any, **named: Any) -> None:
        if reading.next_number == 3 and not done:
            done.append("altered")
            mysql_server.execute(
                "SET lock_wait_timeout = 10", "ALTER TABLE even ADD COLUMN late INT", database=database
            )
        submit(self, reading, *arguments, **named)

    monkeypatch.setattr(dump_parallel.Scheduler, "_submit", submit_and_alter)
    with scratch(mysql_server) as database:
        _fill(mysql_server, database, "even", *KEYS["even"])
        with pytest.raises(DbfleetError, match="even"):
            back_up_folder(mysql_server, database, tmp_path, jobs=2)
    assert done
    assert not list(tmp_path.rglob("metadata"))


def test_tables_without_transactions_are_held_until_they_are_read(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        mysql_latest.execute(
            "CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM",
            "INSERT INTO m VALUES (1), (2), (3)",
            database=database,
        )
        with pytest.raises(ConsistencyError, match="does not cover"):
            back_up_folder(mysql_latest, database, tmp_path / "refused", jobs=2)
        made = back_up_folder(mysql_latest, database, tmp_path / "held", jobs=2, lock_tables=True)
        assert made.contents.tables[0].rows == 3
        # Given back.
        mysql_latest.execute("INSERT INTO m VALUES (4)", database=database)


@pytest.mark.parametrize("name", ["mysql57", "mariadb1011"])
def test_without_a_binlog_only_a_lock_proves_one_moment(server_pool: Any, tmp_path: Path, name: str) -> None:
    with server_pool.fresh(name, extra_config={"skip-log-bin": ""}) as server, scratch(server) as database:
        prepare(server, database)
        with writing(server, database):
            made = back_up_folder(server, database, tmp_path / "locked", jobs=3)
        assert made.contents.snapshot["method"] == "global_lock"
        assert made.contents.snapshot["binlog_file"] is None
        empty(server, database)
        load_with_myloader(server, made.path, database)
        assert_one_moment(server, database)
        user = grant(
            server, database, "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, ALTER ROUTINE ON {db}.*", "SELECT ON mysql.*"
        )
        with pytest.raises(PrivilegeError, match="no binlog"):
            back_up_folder(server, database, tmp_path / "refused", jobs=2, **user)


def test_a_killed_connection_fails_the_backup(mysql_latest: Server, tmp_path: Path) -> None:
    submit = dump_parallel.Scheduler._submit
    with scratch(mysql_latest) as database, pytest.MonkeyPatch.context() as patch:
        _fill(mysql_latest, database, "even", *KEYS["even"])

        def submit_and_kill(self: Any, reading: Any, *arguments: Any, **named: Any) -> None:
            if reading.next_number == 3:
                for (number,) in mysql_latest.execute(
                    f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database}'"
                ):
                    mysql_latest.execute(f"KILL {number}")
            submit(self, reading, *arguments, **named)

        patch.setattr(dump_parallel.Scheduler, "_submit", submit_and_kill)
        with pytest.raises(DbfleetError, match="onnection|even"):
            back_up_folder(mysql_latest, database, tmp_path, jobs=2)
    assert not list(tmp_path.rglob("metadata"))


def test_a_slice_looks_at_its_own_rows_alone(mysql_server: Server) -> None:
    """Whatever the key's first columns are: else the slices of a large group would take longer and longer."""
    with scratch(mysql_server) as database:
        mysql_server.execute(
            "CREATE TABLE d (n INT PRIMARY KEY)",
            "INSERT INTO d VALUES " + ",".join(f"({number})" for number in range(60)),
            "CREATE TABLE c (a INT, w VARCHAR(10), b INT, PRIMARY KEY (a, w, b))",
            "INSERT INTO c SELECT 1, IF(p.n < 30, 'k', 'm'), p.n * 60 + q.n FROM d p, d q",
            database=database,
        )
        session = connect(options(mysql_server, database).connection, database=database)
        try:
            table = next(one for one in read_tables(session, database) if one.name == "c")
            key = chunks.read_key(session, table)
            assert key is not None
            source = chunks.source_of(table, "", key)
            for part in (
                chunks.Range(("1", "'m'", "3000"), True),
                chunks.Range(("1", "'k'", "500"), True, ("1", "'m'")),
                chunks.Range(("1", "'m'", "2500"), False, ("1", "'m'", "3500")),
            ):
                conditions = " AND ".join(part.conditions(key))
                query = f"SELECT * FROM {source} WHERE {conditions} ORDER BY {key.order} LIMIT 50"
                assert _rows_looked_at(session, lambda query=query: session.query_bytes(query)) <= 51
                assert _rows_looked_at(session, lambda part=part: chunks.divide(session, table, source, key, part)) < 10
        finally:
            session.close()


def _rows_looked_at(session: Any, action: Any) -> int:
    session.execute("FLUSH STATUS")
    action()
    return sum(int(count) for _name, count in session.query("SHOW SESSION STATUS LIKE 'Handler_read%'"))
