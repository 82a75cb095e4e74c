# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of the genuine mydumper and of our own, restored over one and several connections."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import CorruptArtifactError, RestoreError, UsageError
from tests.servers import Server, client

from .restore_support import connected, connection_options, fill, picture, restore, scratch


def mydumper(server: Server, database: str, folder: Path, *options: str) -> None:
    """What the genuine program writes of a database."""
    client("mydumper").run(server, "--database", database, "--outputdir", folder, *options)


def fill_for_mydumper(server: Server, database: str) -> None:
    """The odd things but those that mydumper 0.10 cannot dump: names that are no file names, stored programs."""
    fill(server, database)
    with connected(server, database) as cursor:
        cursor.execute("DROP TABLE `we``ird ;'\"-- #/* name`")
        cursor.execute("DROP PROCEDURE `odd ``proc`")
        cursor.execute("DROP PROCEDURE no_escapes")
        cursor.execute("DROP FUNCTION plus")
        if server.flavor == "mariadb":
            cursor.execute("DROP SEQUENCE numbers")
        cursor.execute("UPDATE plain SET kind = 'b' WHERE kind = ''")
        cursor.execute(
            "CREATE TABLE many (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(40), b INT, UNIQUE KEY by_b (b, id), "
            "KEY by_a (a), FULLTEXT KEY words (a), CONSTRAINT up FOREIGN KEY (b) REFERENCES plain (id))"
        )
        rows = ", ".join(f"('word{number} it''s', {number % 3 + 1})" for number in range(3000))
        cursor.execute(f"INSERT INTO many (a, b) VALUES {rows}")
        cursor.execute("CREATE TABLE old (id INT PRIMARY KEY, t VARCHAR(20), KEY by_t (t)) ENGINE=MyISAM")
        cursor.execute("INSERT INTO old SELECT id, a FROM many")


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_folder_of_mydumper_comes_back_whole(
    mysql_server: Server, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.mysql.load_run.DEFER_FROM", 1)
    with scratch(mysql_server) as source, scratch(mysql_server) as target:
        fill_for_mydumper(mysql_server, source)
        folder = tmp_path / "dump"
        compress = ("--compress",) if jobs > 1 else ()
        mydumper(mysql_server, source, folder, "--events", "--triggers", "--rows", "700", *compress)
        contents = restore(mysql_server, target, folder, tmp_path, jobs=jobs)
        assert _without_modes(picture(mysql_server, target)) == _without_modes(picture(mysql_server, source))
        assert {table.name: table.rows for table in contents.tables}["many"] == 3000


def _without_modes(found: dict[str, Any]) -> dict[str, Any]:
    """mydumper does not write under which sql_mode a program was made, and puts blanks into its text."""
    return {
        name: tuple(part.replace("; \n", ";\n") for part in row[1:]) if name.startswith(("TRIGGER", "EVENT")) else row
        for name, row in found.items()
    }


def test_a_folder_that_is_not_whole_is_found_before_anything_is_done(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as source, scratch(mysql_latest) as target:
        fill_for_mydumper(mysql_latest, source)
        folder = tmp_path / "dump"
        mydumper(mysql_latest, source, folder)
        rows = next(folder.glob("*.many.sql"))
        whole = rows.read_bytes()
        for cut in (1, 2, len(whole) // 2, len(whole) - 60):
            rows.write_bytes(whole[:-cut])
            if not whole[:-cut].endswith(b";"):
                with pytest.raises(CorruptArtifactError, match="truncated"):
                    restore(mysql_latest, target, folder, tmp_path)
        rows.write_bytes(whole)
        (folder / "metadata").rename(folder / "metadata.partial")
        with pytest.raises(CorruptArtifactError, match="partial"):
            restore(mysql_latest, target, folder, tmp_path)
        (folder / "metadata.partial").unlink()
        with pytest.raises(UsageError, match="metadata"):
            restore(mysql_latest, target, folder, tmp_path)
        shutil.copy(rows, folder / "metadata")
        with pytest.raises(CorruptArtifactError, match="Finished"):
            restore(mysql_latest, target, folder, tmp_path)
        assert picture(mysql_latest, target) == {}


def test_other_folders_are_refused(mariadb_latest: Server, tmp_path: Path) -> None:
    with scratch(mariadb_latest) as target:
        (tmp_path / "metadata").write_text("Started dump at: x\nFinished dump at: y\n")
        (tmp_path / "shop.t.00000.dat").write_text("1\t2\n")
        (tmp_path / "shop.t.00000.json").write_text("{}\n")
        with pytest.raises(UsageError, match=r"t\.00000\.json"):
            restore(mariadb_latest, target, tmp_path, tmp_path)
        (tmp_path / "shop.t.00000.dat").unlink()
        (tmp_path / "shop.t.00000.json").unlink()
        for name in ("shop", "other"):
            (tmp_path / f"{name}-schema-create.sql").write_text(f"CREATE DATABASE `{name}`;\n")
        with pytest.raises(UsageError, match="2 databases"):
            restore(mariadb_latest, target, tmp_path, tmp_path)
        assert picture(mariadb_latest, target) == {}


def test_what_fails_in_one_of_many_files_ends_the_others(mysql_server: Server, tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text("Started dump at: x\nFinished dump at: y\n")
    for table in "abc":
        (tmp_path / f"s.{table}-schema.sql").write_text(f"CREATE TABLE `{table}` (i INT PRIMARY KEY) ENGINE=InnoDB;\n")
        for number in range(4):
            wrong = 5 if (table, number) == ("b", 3) else number * 3
            insert = f"INSERT INTO `{table}` VALUES"
            rows = f"{insert} ({wrong}),({number * 3 + 1});\n{insert} ({number * 3 + 2});\n"
            (tmp_path / f"s.{table}.{number:05}.sql").write_text(rows)
    with scratch(mysql_server, create=False) as target:
        with pytest.raises(RestoreError, match="was dropped again") as caught:
            restore(mysql_server, target, tmp_path, tmp_path, jobs=3, create=True)
        assert caught.value.context["errno"] == 1062
        assert "s.b.0000" in caught.value.message
        assert caught.value.context["table"] == "b"
        assert "'5'" not in caught.value.message


def test_without_the_right_to_alter_tables_keys_are_made_at_once(
    mysql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.mysql.load_run.DEFER_FROM", 1)
    (tmp_path / "metadata").write_text("Started dump at: x\nFinished dump at: y\n")
    for engine in ("InnoDB", "MyISAM"):
        table = f"CREATE TABLE `{engine}` (i INT, PRIMARY KEY (i), KEY `k` (i)) ENGINE={engine};\n"
        (tmp_path / f"s.{engine}-schema.sql").write_text(table)
        (tmp_path / f"s.{engine}.sql").write_text(f"INSERT INTO `{engine}` VALUES (1),(2);\n")
    user = f"u{secrets.token_hex(4)}"
    with scratch(mysql_server) as target:
        with connected(mysql_server) as cursor:
            cursor.execute(f"CREATE USER {user}@localhost IDENTIFIED BY 'word'")
            cursor.execute(f"GRANT SELECT, INSERT, CREATE ON {target}.* TO {user}@localhost")
        try:
            account = connection_options(mysql_server, user=user, password="word")
            restore(mysql_server, target, tmp_path, tmp_path, jobs=2, connection=account)
            with connected(mysql_server, target) as cursor:
                for engine in ("InnoDB", "MyISAM"):
                    cursor.execute(f"SHOW CREATE TABLE {engine}")
                    assert "KEY `k` (`i`)" in cursor.fetchone()[1]
        finally:
            with connected(mysql_server) as cursor:
                cursor.execute(f"DROP USER {user}@localhost")
