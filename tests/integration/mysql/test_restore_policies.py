# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore makes of errors and of rows that are there already, and who gets to see row values."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import RestoreError
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.progress import Progress
from tests.servers import Server

from .restore_support import connected, restore, scratch

SECRET = "s3cr3t-value"
SCRIPT = f"""CREATE TABLE a (i INT PRIMARY KEY, t VARCHAR(20)) ENGINE=InnoDB;
INSERT INTO `a` VALUES (1,'x'),(2,'y');
INSERT INTO `a` VALUES (3,'z'),(1,'{SECRET}');
CREATE TABLE b (i INT, wrong NO_SUCH_TYPE);
INSERT INTO `b` VALUES (1,2);
CREATE TABLE c (i INT, k INT, PRIMARY KEY (i)) ENGINE=InnoDB;
INSERT INTO `c` VALUES (1,1),(2,2);
CREATE VIEW v AS SELECT * FROM c;
"""


def write_folder(folder: Path) -> None:
    """The same as a folder of mydumper."""
    folder.mkdir()
    lines = SCRIPT.splitlines(keepends=True)
    (folder / "metadata").write_text("Started dump at: x\nFinished dump at: y\n")
    for table in "abc":
        (folder / f"d.{table}-schema.sql").write_text(
            "".join(x for x in lines if x.startswith(f"CREATE TABLE {table}"))
        )
        rows = [line for line in lines if line.startswith(f"INSERT INTO `{table}`")]
        (folder / f"d.{table}.sql").write_text("".join(rows))
    (folder / "d.v-schema-view.sql").write_text(lines[-1])


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("form", ["script", "folder"])
def test_going_on_restores_the_rest_and_names_every_failure(
    mysql_server: Server, tmp_path: Path, form: str, jobs: int
) -> None:
    source = tmp_path / form
    if form == "folder":
        write_folder(source)
    else:
        source.write_text(SCRIPT)
    with scratch(mysql_server) as target:
        with pytest.raises(RestoreError, match="4 statements failed, the rest was restored") as caught:
            restore(mysql_server, target, source, tmp_path, jobs=jobs, load=LoadOptions(on_error="continue"))
        failures = caught.value.context["failures"]
        assert sorted(one.get("statement") or "missing" for one in failures) == [
            "CREATE TABLE b", "INSERT INTO a", "INSERT INTO b", "missing",
        ]  # fmt: skip
        assert {one["errno"] for one in failures if one.get("statement") == "INSERT INTO a"} == {1062}
        assert SECRET not in str(caught.value.details())
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT (SELECT COUNT(*) FROM a), (SELECT COUNT(*) FROM v)")
            assert cursor.fetchone() == (2, 2)


@pytest.mark.parametrize("form", ["script", "folder"])
@pytest.mark.parametrize(("duplicates", "want"), [("ignore", [(1, "a"), (3, "c")]), ("replace", [(1, "b"), (3, "c")])])
def test_a_key_twice_in_the_backup_takes_no_other_row_away(
    mysql_server: Server, tmp_path: Path, form: str, duplicates: str, want: list[tuple[int, str]]
) -> None:
    """MariaDB loses rows where INSERT IGNORE goes into an empty table without key checks."""
    create = "CREATE TABLE t (i INT PRIMARY KEY, v VARCHAR(9)) ENGINE=InnoDB;\n"
    insert = "SET unique_checks=0, foreign_key_checks=0;\nINSERT INTO `t` VALUES (1,'a'),(3,'c'),(1,'b');\n"
    source = tmp_path / form
    if form == "folder":
        source.mkdir()
        (source / "metadata").write_text("Finished dump at: y\n")
        (source / "d.t-schema.sql").write_text(create)
        (source / "d.t.sql").write_text(insert)
    else:
        source.write_text(create + insert)
    with scratch(mysql_server) as target:
        restore(mysql_server, target, source, tmp_path, load=LoadOptions(duplicates=duplicates))
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT * FROM t ORDER BY i")
            assert list(cursor.fetchall()) == want


def test_a_created_database_stays_when_the_restore_went_on(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server, create=False) as target:
        with pytest.raises(RestoreError, match="4 statements failed"):
            restore(mysql_server, target, SCRIPT.encode(), tmp_path, create=True, load=LoadOptions(on_error="continue"))
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT COUNT(*) FROM c")
            assert cursor.fetchone() == (2,)


@pytest.mark.parametrize(
    ("duplicates", "want"), [("ignore", [(1, "mine"), (2, "y"), (3, "z")]), ("replace", [(1, "x"), (2, "y"), (3, "z")])]
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_rows_that_are_there(
    mysql_server: Server, tmp_path: Path, duplicates: str, want: list[tuple[int, str]], jobs: int
) -> None:
    script = b"INSERT INTO `a` VALUES (1,'x'),(2,'y');\nINSERT INTO `a` VALUES (3,'z');\n"
    with scratch(mysql_server) as target:
        with connected(mysql_server, target) as cursor:
            cursor.execute("CREATE TABLE a (i INT PRIMARY KEY, t VARCHAR(20))")
            cursor.execute("INSERT INTO a VALUES (1, 'mine')")
        with pytest.raises(RestoreError, match="1062"):
            restore(mysql_server, target, script, tmp_path, force=True)
        progress = Progress()
        load = LoadOptions(duplicates=duplicates)
        contents = restore(mysql_server, target, script, tmp_path, force=True, jobs=jobs, load=load, progress=progress)
        assert [table.rows for table in contents.tables] == [3]
        assert any("1 row of a was there already" in text for text in progress.warnings)
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT * FROM a ORDER BY i")
            assert list(cursor.fetchall()) == want


def test_values_are_shown_on_request_only(mysql_server: Server, tmp_path: Path) -> None:
    script = f"CREATE TABLE a (t VARCHAR(20) PRIMARY KEY);INSERT INTO a VALUES ('{SECRET}'),('{SECRET}');".encode()
    for shown in (False, True):
        with scratch(mysql_server) as target:
            with pytest.raises(RestoreError) as caught:
                restore(mysql_server, target, script, tmp_path, load=LoadOptions(show_data_in_errors=shown))
            assert (SECRET in str(caught.value.details())) is shown


def test_the_binary_log_is_skipped_on_request_only(mysql_latest: Server, tmp_path: Path) -> None:
    script = b"CREATE TABLE a (i INT PRIMARY KEY);INSERT INTO a VALUES (1);"

    def position() -> int:
        with connected(mysql_latest) as cursor:
            cursor.execute("SHOW BINARY LOG STATUS")
            return int(cursor.fetchone()[1])

    for skip in (True, False):
        with scratch(mysql_latest) as target:
            before = position()
            restore(mysql_latest, target, script, tmp_path, jobs=2, load=LoadOptions(skip_binlog=skip))
            assert (position() == before) is skip


def test_rows_are_counted_on_request(mysql_server: Server, tmp_path: Path) -> None:
    script = b"CREATE TABLE a (i INT PRIMARY KEY);INSERT INTO a VALUES (1),(2);DELETE FROM a WHERE i = 1;"
    with scratch(mysql_server) as target:
        restore(mysql_server, target, script, tmp_path)
    with scratch(mysql_server, create=False) as target:
        with pytest.raises(RestoreError, match="a has 1 rows instead of 2; .*dropped again"):
            restore(mysql_server, target, script, tmp_path, create=True, load=LoadOptions(verify="rows"))
        script = script.partition(b"DELETE")[0]
        restore(mysql_server, target, script, tmp_path, create=True, load=LoadOptions(verify="rows"))
