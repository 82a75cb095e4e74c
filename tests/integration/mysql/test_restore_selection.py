# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A part of a backup, or all of it made otherwise: other names, other owners, other words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import NotFoundError, PrivilegeError, UsageError
from dbfleet.mysql.choices import CURRENT
from dbfleet.mysql.options import RestoreChanges, Selection
from dbfleet.restore import compare_contents
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from .backup_support import scratch
from .directory_support import back_up_folder
from .restore_support import backup, connected, connection_options, genuine_dump, picture, restore

_SETUP = (
    "CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(20)) ENGINE=InnoDB",
    "CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES parent (id)) ENGINE=InnoDB",
    "CREATE TABLE log_1 (id INT) ENGINE=InnoDB",
    "INSERT INTO parent VALUES (1, 'one'), (2, 'two')",
    "INSERT INTO child VALUES (11, 1), (12, 2)",
    "INSERT INTO log_1 VALUES (1)",
    "CREATE VIEW named AS SELECT id, name FROM parent",
    "CREATE VIEW far AS SELECT p.id FROM `{0}`.parent p JOIN `{0}`.child ON child.parent = p.id",
    "CREATE TRIGGER on_child BEFORE INSERT ON child FOR EACH ROW SET NEW.parent = NEW.parent",
    "CREATE TRIGGER on_log BEFORE INSERT ON log_1 FOR EACH ROW SET NEW.id = NEW.id",
    "CREATE PROCEDURE does() SELECT COUNT(*) FROM `{0}`.parent",
    "CREATE FUNCTION gives() RETURNS INT DETERMINISTIC RETURN 1",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM {0}.log_1",
)


@pytest.fixture(name="mysql_server", params=["mysql57", "mariadb118"])
def _mysql_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """Not all of them: what differs between the others is tested where it is read and written."""
    return server_pool.get(request.param)


@pytest.fixture(name="database")
def _database(mysql_server: Server) -> Iterator[str]:
    with scratch(mysql_server) as name:
        with connected(mysql_server, name) as cursor:
            for statement in _SETUP:
                cursor.execute(statement.format(name))
        yield name


def _into(server: Server, database: str, folder: Path, **arguments: Any) -> dict[str, Any]:
    """Our backup of a database, restored into another one; what that then holds."""
    folder.mkdir(exist_ok=True)
    manifest, path = backup(server, database, folder)
    with scratch(server) as target:
        contents = restore(server, target, path, folder, manifest=manifest, **arguments)
        wanted = {(table.schema, table.name) for table in contents.tables}
        compare_contents(manifest, contents, wanted)
        found = picture(server, target)
        assert database not in str(found)
        return _neutral(found, target)


def _neutral(found: dict[str, Any], database: str) -> dict[str, str]:
    """Without the database's name, and without what MySQL 8 and later show once a collation was named."""
    return {
        key: re.sub(r" CHARACTER SET (\w+) COLLATE (?=\1_)", " COLLATE ", str(value).replace(f"`{database}`", "`db`"))
        for key, value in found.items()
    }


def test_another_name_reaches_into_definitions(mysql_server: Server, database: str, tmp_path: Path) -> None:
    want = _neutral(picture(mysql_server, database), database)
    got = _into(mysql_server, database, tmp_path)
    assert got.keys() == want.keys()
    for kind in ("TABLE", "rows", "TRIGGER", "FUNCTION", "PROCEDURE"):
        assert {k: v for k, v in got.items() if k.startswith(kind)} == {
            k: v for k, v in want.items() if k.startswith(kind)
        }
    assert f"{database}.log_1" in str(mysql_server.execute(f"SHOW CREATE EVENT {database}.nightly"))


def test_a_genuine_dump_takes_another_name(mysql_server: Server, database: str, tmp_path: Path) -> None:
    script = genuine_dump(mysql_server, database)
    with scratch(mysql_server) as target:
        restore(mysql_server, target, script, tmp_path)
        found = picture(mysql_server, target)
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT * FROM far")
            assert len(cursor.fetchall()) == 2
    assert database not in str(found)


def test_what_is_not_sure_is_refused_by_name(mysql_server: Server, database: str, tmp_path: Path) -> None:
    with connected(mysql_server, database) as cursor:
        # The alias has the database's name.
        cursor.execute(f"CREATE PROCEDURE unsure() SELECT {database}.id FROM {database}.parent {database}")
    manifest, path = backup(mysql_server, database, tmp_path)
    with scratch(mysql_server) as target:
        with pytest.raises(UsageError, match="procedure unsure") as caught:
            restore(mysql_server, target, path, tmp_path, manifest=manifest)
        assert caught.value.context["objects"] == ["procedure unsure"]
    with connected(mysql_server, database) as cursor:
        cursor.execute("DROP PROCEDURE unsure")
        cursor.execute("SET sql_mode = 'ANSI_QUOTES'")
        cursor.execute(f'CREATE PROCEDURE quoted() SELECT id FROM "{database}"."parent"')
    (tmp_path / "again").mkdir()
    manifest, path = backup(mysql_server, database, tmp_path / "again")
    with scratch(mysql_server) as target, pytest.raises(UsageError, match="procedure quoted.*ANSI_QUOTES"):
        restore(mysql_server, target, path, tmp_path, manifest=manifest)


_SELECTIONS = {
    "two tables": (
        Selection(tables=("child", "par*")),
        {"TABLE child", "TABLE parent", "TRIGGER on_child"},
        {"child", "parent"},
    ),
    "without log": (
        Selection(exclude_tables=("log_*",), skip_events=True, skip_routines=True),
        {"TABLE child", "TABLE parent", "TRIGGER on_child", "VIEW named", "VIEW far"},
        {"child", "parent"},
    ),
    "definitions": (
        Selection(schema_only=True, skip_triggers=True, skip_views=True),
        {"TABLE child", "TABLE parent", "TABLE log_1", "PROCEDURE does", "FUNCTION gives", "EVENT nightly"},
        set(),
    ),
}


@pytest.mark.parametrize("case", _SELECTIONS)
def test_a_part_of_a_backup(mysql_server: Server, database: str, tmp_path: Path, case: str) -> None:
    selection, objects, tables = _SELECTIONS[case]
    want = picture(mysql_server, database)
    got = _into(mysql_server, database, tmp_path, selection=selection)
    assert {key for key in got if not key.startswith("rows ")} == objects
    filled = {key.removeprefix("rows ") for key, value in got.items() if key.startswith("rows ") and value != "0"}
    assert filled == tables
    for name in tables:
        assert got[f"rows {name}"] == str(want[f"rows {name}"])


def test_a_part_of_a_folder(mysql_server: Server, database: str, tmp_path: Path) -> None:
    made = back_up_folder(mysql_server, database, tmp_path)
    with scratch(mysql_server) as target:
        restore(mysql_server, target, made.path, tmp_path, selection=Selection(tables=("child", "parent")))
        assert {key for key in picture(mysql_server, target) if not key.startswith("rows ")} == {
            "TABLE child",
            "TABLE parent",
            "TRIGGER on_child",
        }


def test_rows_alone(mysql_server: Server, database: str, tmp_path: Path) -> None:
    want = picture(mysql_server, database)
    manifest, path = backup(mysql_server, database, tmp_path)
    with connected(mysql_server, database) as cursor:
        cursor.execute("DELETE FROM child")
        cursor.execute("DELETE FROM parent")
    restore(
        mysql_server, database, path, tmp_path, manifest=manifest, force=True,
        selection=Selection(tables=("child", "parent"), data_only=True),
    )  # fmt: skip
    assert picture(mysql_server, database) == want


def test_what_is_not_in_the_backup_is_named(mysql_server: Server, database: str, tmp_path: Path) -> None:
    manifest, path = backup(mysql_server, database, tmp_path)
    with scratch(mysql_server) as target, pytest.raises(NotFoundError, match="log_9"):
        restore(mysql_server, target, path, tmp_path, manifest=manifest, selection=Selection(tables=("log_9",)))


def _definers(server: Server, database: str) -> dict[str, str]:
    return dict(
        server.execute(
            f"SELECT TABLE_NAME, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{database}' UNION ALL "
            f"SELECT TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{database}' "
            "UNION ALL SELECT ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = "
            f"'{database}' UNION ALL SELECT EVENT_NAME, DEFINER FROM information_schema.EVENTS WHERE "
            f"EVENT_SCHEMA = '{database}'"
        )
    )


def test_definers_are_kept_mapped_or_left_to_the_restoring_user(
    mysql_server: Server, database: str, tmp_path: Path
) -> None:
    manifest, path = backup(mysql_server, database, tmp_path)
    genuine = tmp_path / "genuine.sql"
    genuine.write_bytes(genuine_dump(mysql_server, database))
    root = ("root", "localhost")
    other = ("odd ' user", "10.%")
    for script, given in ((path, manifest), (genuine, None)):
        with scratch(mysql_server) as target:
            changes = RestoreChanges(definer_map=((root, other),))
            restore(mysql_server, target, script, tmp_path, manifest=given, changes=changes)
            assert set(_definers(mysql_server, target).values()) == {"@".join(other)}
            assert len(_definers(mysql_server, target)) == 7
            again, mapped = backup(mysql_server, target, tmp_path)
        with scratch(mysql_server) as target:
            restore(mysql_server, target, mapped, tmp_path, manifest=again, changes=RestoreChanges(definer=CURRENT))
            assert set(_definers(mysql_server, target).values()) == {"root@localhost"}


def test_who_may_not_keep_definers_can_become_them(mysql_server: Server, database: str, tmp_path: Path) -> None:
    manifest, path = backup(mysql_server, database, tmp_path)
    with scratch(mysql_server) as target:
        mysql_server.execute(
            "CREATE USER plain@localhost IDENTIFIED BY 'secret'",
            f"GRANT ALL ON {target}.* TO plain@localhost",
            "SET GLOBAL log_bin_trust_function_creators = 1",
        )
        try:
            connection = connection_options(mysql_server, user="plain", password="secret")
            with pytest.raises(PrivilegeError, match="runs as root"):
                restore(mysql_server, target, path, tmp_path, manifest=manifest, connection=connection)
            restore(
                mysql_server, target, path, tmp_path, manifest=manifest, connection=connection,
                changes=RestoreChanges(definer=CURRENT),
            )  # fmt: skip
            assert set(_definers(mysql_server, target).values()) == {"plain@localhost"}
        finally:
            mysql_server.execute("DROP USER plain@localhost")
