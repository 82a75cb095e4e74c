# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each option of a backup, judged by what the genuine dump program makes of the same option on the same server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import NotFoundError, UsageError
from dbfleet.mysql.options import COMMENT, LEFT_OUT, STATEMENT, PositionForm, ScriptForm, Selection
from dbfleet.mysql.script import ScriptSplitter
from dbfleet.mysql.statements import classify
from tests.servers import Server
from tests.servers.clients import client

from .backup_support import back_up, differences, empty, load, picture, scratch
from .restore_support import restore

_SETUP = (
    "CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20)) ENGINE=InnoDB",
    "CREATE TABLE child (id INT, parent INT, PRIMARY KEY (id), FOREIGN KEY (parent) REFERENCES parent (id))",
    "CREATE TABLE made (id INT, twice INT AS (id * 2) STORED, UNIQUE KEY (id)) ENGINE=InnoDB",
    "CREATE TABLE unordered (id INT NOT NULL, word VARCHAR(10), UNIQUE KEY (id)) ENGINE=MyISAM",
    "CREATE TABLE log_1 (id INT) ENGINE=InnoDB",
    "CREATE TABLE log_2 (id INT) ENGINE=InnoDB",
    "INSERT INTO parent VALUES (1, 'one'), (2, 'two'), (3, 'it''s')",
    "INSERT INTO child VALUES (11, 1), (12, 2), (13, 3)",
    "INSERT INTO made (id) VALUES (3), (1), (2)",
    "INSERT INTO unordered VALUES (3, 'c'), (1, 'a'), (2, 'b')",
    "INSERT INTO log_1 VALUES (1)",
    "INSERT INTO log_2 VALUES (1)",
    "CREATE VIEW named AS SELECT id, name FROM parent",
    "CREATE TRIGGER on_child BEFORE INSERT ON child FOR EACH ROW SET NEW.parent = NEW.parent",
    "CREATE TRIGGER on_log BEFORE INSERT ON log_1 FOR EACH ROW SET NEW.id = NEW.id",
    "CREATE PROCEDURE does() SELECT 1",
    "CREATE FUNCTION gives() RETURNS INT DETERMINISTIC RETURN 1",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
)


@pytest.fixture(name="database")
def _database(mysql_server: Server) -> Iterator[str]:
    with scratch(mysql_server) as name:
        with mysql_server.connect(name) as connection:
            cursor = connection.cursor()
            for statement in _SETUP:
                cursor.execute(statement)
            connection.commit()
        with scratch(mysql_server, f"{name}_2"):
            yield name


def _genuine(server: Server, database: str, *arguments: str) -> bytes:
    """What the vendor's program writes; routines and events are in by default, as in ours."""
    common = ["--routines", "--events", "--lock-all-tables", *arguments]
    if server.flavor == "mariadb":
        return client("mariadb-dump", version=server.version[:2]).run(server, *common).stdout
    old = ["--column-statistics=0"] if server.version < (8,) else []
    return client("mysqldump").run(server, *old, "--set-gtid-purged=OFF", "--no-tablespaces", *common).stdout


def _outline(script: bytes) -> set[tuple[str, str, str]]:
    """What a script creates, fills and drops: verb, kind and name."""
    found = set()
    for statement in ScriptSplitter(io.BytesIO(script), name="script"):
        action = classify(statement.text)
        # Both programs make views in two steps; a placeholder that is not needed is not missed.
        if action.verb in ("CREATE", "INSERT", "REPLACE") and action.kind != "VIEW":
            found.update((action.verb, action.kind, name.name) for name in action.names)
        elif b"VIEW" in statement.text and action.verb == "CREATE":
            found.update(("CREATE", "VIEW", name.name) for name in action.names)
    return found


_SELECTIONS = {
    "everything": (Selection(), []),
    "no rows": (Selection(schema_only=True), ["--no-data"]),
    "without triggers": (Selection(skip_triggers=True), ["--skip-triggers"]),
    "without routines": (Selection(skip_routines=True), ["--skip-routines"]),
    "without events": (Selection(skip_events=True), ["--skip-events"]),
    "some rows": (Selection(where="id > 1 AND id < 12"), ["--where=id > 1 AND id < 12"]),
    "without tables": (
        Selection(exclude_tables=("log_*", "{}.named")),
        ["--ignore-table={}.log_1", "--ignore-table={}.log_2", "--ignore-table={}.named"],
    ),
}


def _of(database: str, selection: Selection) -> Selection:
    excluded = tuple(name.format(database) for name in selection.exclude_tables)
    return Selection(**{**vars(selection), "exclude_tables": excluded})


def _cases(server: Server, *short: str) -> list[str]:
    """Every case on the newest servers, some on the others."""
    newest = server.version >= ((9,) if server.flavor == "mysql" else (11,))
    return list(_SELECTIONS | _FORMS) if newest else list(short)


def test_a_selection_takes_what_the_genuine_program_takes(mysql_server: Server, database: str, tmp_path: Path) -> None:
    for case in _cases(mysql_server, "everything", "without tables"):
        if case in _SELECTIONS:
            _check_selection(mysql_server, database, tmp_path / case, case)


def _check_selection(mysql_server: Server, database: str, tmp_path: Path, case: str) -> None:
    selection, arguments = _SELECTIONS[case]
    genuine = _genuine(mysql_server, database, *(one.format(database) for one in arguments), database)
    made = back_up(mysql_server, database, tmp_path, lock_tables=True, selection=_of(database, selection))
    assert _outline(made.text) == _outline(genuine), case
    assert _loaded(mysql_server, f"{database}_2", made.text) == _loaded(mysql_server, f"{database}_2", genuine), case


def test_named_tables_come_with_their_triggers_alone(mysql_server: Server, database: str, tmp_path: Path) -> None:
    genuine = _genuine(
        mysql_server, database, "--skip-routines", "--skip-events", database, "--tables", "child", "log_1", "log_2"
    )
    selection = Selection(tables=("child", "log_?"))
    made = back_up(mysql_server, database, tmp_path, selection=selection)
    assert _outline(made.text) == _outline(genuine)
    assert dict(made.contents.objects) == {"table": 3, "trigger": 2}
    assert made.contents.options["tables"] == ["child", "log_?"]
    assert not made.contents.options["routines"]


def test_rows_alone_go_into_tables_that_are_there(mysql_server: Server, database: str, tmp_path: Path) -> None:
    want = picture(mysql_server, database)
    genuine = _genuine(
        mysql_server, database, "--no-create-info", "--skip-routines", "--skip-events", "--skip-triggers", database
    )
    made = back_up(mysql_server, database, tmp_path, lock_tables=True, selection=Selection(data_only=True))
    assert _outline(made.text) == {one for one in _outline(genuine) if one[1] != "VIEW"}
    assert not made.contents.objects
    with mysql_server.connect(database) as connection:
        cursor = connection.cursor()
        for table in ("child", "parent", "made", "unordered", "log_1", "log_2"):
            cursor.execute(f"DELETE FROM {table}")
        connection.commit()
    restore(mysql_server, database, made.text, tmp_path, force=True)
    assert not differences(picture(mysql_server, database), want)


def test_the_definition_alone_of_some_tables(mysql_server: Server, database: str, tmp_path: Path) -> None:
    made = back_up(
        mysql_server, database, tmp_path, lock_tables=True, selection=Selection(exclude_table_data=("log_*", "parent"))
    )
    assert {table.name for table in made.contents.tables} == {"child", "made", "unordered"}
    assert ("CREATE", "TABLE", "parent") in _outline(made.text)
    assert ("INSERT", "TABLE", "parent") not in _outline(made.text)


def test_tables_left_out_need_no_lock(mysql_server: Server, database: str, tmp_path: Path) -> None:
    made = back_up(mysql_server, database, tmp_path, selection=Selection(exclude_tables=("unordered", "gone")))
    assert any("gone" in warning for warning in made.warnings)
    assert made.contents.objects["table"] == 5


def test_a_table_that_is_not_there_is_named(mysql_server: Server, database: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="log_9") as caught:
        back_up(mysql_server, database, tmp_path, selection=Selection(tables=("child", "log_9")))
    assert caught.value.context["tables"] == ["log_9"]
    with pytest.raises(NotFoundError, match="nothing"):
        back_up(mysql_server, database, tmp_path, selection=Selection(exclude_tables=("*",)))
    with pytest.raises(UsageError, match="exclude each other"):
        back_up(mysql_server, database, tmp_path, selection=Selection(schema_only=True, data_only=True))


_FORMS = {
    "ignoring": (ScriptForm(insert="INSERT IGNORE"), ["--insert-ignore"]),
    "replacing": (ScriptForm(insert="REPLACE"), ["--replace"]),
    "with names": (ScriptForm(complete_insert=True), ["--complete-insert"]),
    "row by row": (ScriptForm(extended_insert=False), ["--skip-extended-insert"]),
    "in order": (ScriptForm(order_by_primary=True), ["--order-by-primary"]),
    "small statements": (ScriptForm(statement_size=64), ["--net-buffer-length=4096"]),
    "bare": (
        ScriptForm(add_drop_table=False, add_locks=False, disable_keys=False, autocommit=False),
        ["--skip-add-drop-table", "--skip-add-locks", "--skip-disable-keys", "--no-autocommit"],
    ),
}


def test_every_form_holds_the_same(mysql_server: Server, database: str, tmp_path: Path) -> None:
    for case in _cases(mysql_server, "bare"):
        if case in _FORMS:
            _check_form(mysql_server, database, tmp_path / case, case)


def _check_form(mysql_server: Server, database: str, tmp_path: Path, case: str) -> None:
    form, arguments = _FORMS[case]
    want = picture(mysql_server, database)
    genuine = _genuine(mysql_server, database, *arguments, database)
    made = back_up(mysql_server, database, tmp_path, lock_tables=True, form=form)
    if case != "small statements":
        assert _inserts(made.text) == _inserts(genuine)
    for word in (b"DROP TABLE", b"LOCK TABLES", b"DISABLE KEYS"):
        assert (word in made.text) == (word in genuine)
    # mariadb-dump 11 does it by itself.
    assert (b"SET autocommit=0" in made.text) == (not form.autocommit)
    empty(mysql_server, database)
    restore(mysql_server, database, made.text, tmp_path)
    assert not differences(picture(mysql_server, database), want)


def _inserts(script: bytes) -> list[tuple[str, bool, int, bytes]]:
    """Verb, IGNORE, number of rows and columns named, of every statement; which rows go first."""
    found = []
    for statement in ScriptSplitter(io.BytesIO(script), name="script"):
        action = classify(statement.text)
        if action.is_data:
            head, _values, rows = statement.text.partition(b"VALUES")
            columns = head.replace(b" ", b"").partition(b"(")[2]
            # mariadb-dump writes generated columns, and so need not name the others.
            columns = b"" if action.names[0].name == "made" else columns
            order = rows.strip()[:3] if action.names[0].name == "unordered" else b""
            found.append((f"{action.verb} {action.names[0].name}", action.ignores, rows.count(b"("), columns + order))
    return sorted(found)


def _loaded(server: Server, database: str, script: bytes) -> dict[str, Any]:
    """What the genuine client makes of a script."""
    empty(server, database)
    load(server, database, script)
    return picture(server, database)


def test_the_position_stands_as_asked(mysql_server: Server, database: str, tmp_path: Path) -> None:
    for form in (LEFT_OUT, STATEMENT, COMMENT):
        _check_position(mysql_server, database, tmp_path / str(form), form)


def _check_position(mysql_server: Server, database: str, tmp_path: Path, form: int) -> None:
    made = back_up(mysql_server, database, tmp_path, lock_tables=True, positions=PositionForm(source_data=form))
    lines = [line for line in made.text.splitlines() if line.lstrip(b"- ").startswith(b"CHANGE ")]
    assert len(lines) == (0 if form == LEFT_OUT else 1)
    if form == LEFT_OUT:
        return
    assert lines[0].startswith(b"-- ") == (form == COMMENT)
    snapshot = made.contents.snapshot
    assert f"'{snapshot['binlog_file']}'".encode() in lines[0]
    assert f"_LOG_POS={snapshot['binlog_position']}".encode() in lines[0]
    option = f"--{'master' if mysql_server.flavor == 'mariadb' else 'source'}-data={form}"
    genuine = _genuine(mysql_server, database, option, database)
    theirs = [line for line in genuine.splitlines() if line.lstrip(b"- ").startswith(b"CHANGE ")]
    assert _without_numbers(theirs[0]) == _without_numbers(lines[0])


def _without_numbers(line: bytes) -> bytes:
    return line.partition(b"=")[0]


def test_gtids_stand_as_asked(mysql_server: Server, database: str, tmp_path: Path) -> None:
    for form, begins in {"off": None, "on": b"SET ", "commented": b"-- SET ", "auto": b"SET "}.items():
        _check_gtids(mysql_server, database, tmp_path / form, form, begins)


def _check_gtids(mysql_server: Server, database: str, tmp_path: Path, form: str, begins: bytes | None) -> None:
    made = back_up(mysql_server, database, tmp_path, lock_tables=True, positions=PositionForm(gtid_purged=form))
    lines = [line for line in made.text.splitlines() if b"GTID_PURGED" in line.upper() or b"gtid_slave_pos" in line]
    if not made.contents.snapshot["gtid"] or begins is None:
        assert not lines
        return
    assert len(lines) == 1
    assert lines[0].startswith(begins)
    if form != "on":
        return
    # What stands there for replication is left out when one database is restored.
    want = picture(mysql_server, database)
    empty(mysql_server, database)
    restore(mysql_server, database, made.text, tmp_path)
    assert not differences(picture(mysql_server, database), want)


def test_a_replica_knows_its_source_s_position(mysql_server: Server, database: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no replica"):
        back_up(mysql_server, database, tmp_path, lock_tables=True, positions=PositionForm(dump_replica=COMMENT))
    new = mysql_server.flavor == "mysql" and mysql_server.version >= (8,)
    change, word = ("CHANGE REPLICATION SOURCE TO", "SOURCE") if new else ("CHANGE MASTER TO", "MASTER")
    mysql_server.execute(
        f"{change} {word}_HOST='127.0.0.1', {word}_PORT=1, {word}_LOG_FILE='bin.000042', {word}_LOG_POS=4711"
    )
    try:
        made = back_up(
            mysql_server, database, tmp_path, lock_tables=True, positions=PositionForm(dump_replica=STATEMENT)
        )
    finally:
        mysql_server.execute("RESET REPLICA ALL" if new else "RESET SLAVE ALL")
    (record,) = made.contents.snapshot["replica"]
    assert (record["binlog_file"], record["binlog_position"]) == ("bin.000042", 4711)
    assert f"{word}_LOG_FILE='bin.000042', {word}_LOG_POS=4711;".encode() in made.text
