# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders as mydumper 1.0 writes them: masked file names, rows in files for LOAD DATA, numbers of rows in the metadata.

The folders here are written after those of the genuine program (1.0.1), which the tests cannot install.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, DbfleetError, RestoreError, UsageError
from dbfleet.mysql.load_options import LoadOptions
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from .restore_support import connected, restore, scratch

_HEAD = """/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;
/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'*/;
/*!40103 SET TIME_ZONE='+00:00' */;
"""
_METADATA = """# Started dump at: 2026-11-22 20:34:49
[config]
quote-character = BACKTICK

[source]
# Channel_Name = '' # It can be use to setup replication FOR CHANNEL
# SOURCE_LOG_FILE = "binlog.000001"

[`shop`.`plain`]
real_table_name=plain
rows = 3
schema_checksum = 2d750ef1

[`shop`.`mydumper_0`]
real_table_name=we``ird; t
rows = 2

[`shop`.`v`]
real_table_name=v
rows = 0
is_view = 1

[`shop`]
schema_checksum = CF6BDB7B
[config]
max-statement-size = 46026
# Finished dump at: 2026-11-22 20:34:49
"""
_ROWS = b'1\tit\\\'s \\"q\\"\\\t\\\\\t\\0\xe4\xff\\n\n2\t\\N\t\n3\t\xe6\x97\xa5;\\\n\t\\N\n'
_LOAD = (
    "LOAD DATA LOCAL INFILE '{}' INTO TABLE `{}` FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' "
    "LINES STARTING BY '' TERMINATED BY '\\n' ({});\n"
)


@pytest.fixture(name="server", params=["mysql57", "mariadb118"])
def _server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    server = server_pool.get(request.param)
    server.execute("SET GLOBAL local_infile = ON")
    return server


def write_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "metadata").write_text(_METADATA)
    definitions = {
        "shop-schema-create.sql": "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;\n",
        "shop.plain-schema.sql": "CREATE TABLE `plain` (\n  `id` int NOT NULL,\n  `t` varchar(90) DEFAULT NULL,\n"
        "  `b` blob,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n",
        "shop.mydumper_0-schema.sql": "CREATE TABLE `we``ird; t` (\n  `a` int\n) ENGINE=InnoDB;\n",
        "shop.mydumper_0.00000.sql": "INSERT INTO `we``ird; t` VALUES(1)\n,(2)\n;\n",
        "shop.plain.00000.sql": _LOAD.format("shop.plain.00000.dat.gz", "plain", "`id`,`t`,`b`"),
        "shop.v-schema.sql": "CREATE TABLE IF NOT EXISTS `v`(\n`id` int\n) ENGINE=MEMORY;\n",
        "shop.v-schema-view.sql": "DROP TABLE IF EXISTS `v`;\nDROP VIEW IF EXISTS `v`;\n"
        "CREATE VIEW `v` AS select `id` from `plain`;\n",
        "shop-schema-triggers.sql": "CREATE TRIGGER t BEFORE INSERT ON plain FOR EACH ROW BEGIN SET @a = 1; \n END;\n",
    }
    for name, text in definitions.items():
        (folder / name).write_text(_HEAD + text)
    (folder / "shop.plain.00000.dat.gz").write_bytes(gzip.compress(_ROWS))
    return folder


@pytest.mark.parametrize("jobs", [1, 2])
def test_files_of_rows_are_loaded_exactly(server: Server, tmp_path: Path, jobs: int) -> None:
    folder = write_folder(tmp_path / "dump")
    with scratch(server) as target:
        contents = restore(server, target, folder, tmp_path, jobs=jobs)
        assert {one.name: one.rows for one in contents.tables} == {"plain": 3, "we`ird; t": 2}
        assert dict(contents.objects) == {"table": 2, "trigger": 1, "view": 1}
        with connected(server, target) as cursor:
            cursor.execute("SELECT id, HEX(t), HEX(b) FROM v JOIN plain USING (id) ORDER BY id")
            assert cursor.fetchall() == (
                (1, b'it\'s "q"\t\\'.hex().upper(), "00E4FF0A"),
                (2, None, ""),
                (3, "日;\n".encode().hex().upper(), None),
            )


def test_json_comes_by_way_of_a_variable(mysql_latest: Server, tmp_path: Path) -> None:
    """As mydumper writes it, because no server makes JSON out of bytes."""
    mysql_latest.execute("SET GLOBAL local_infile = ON")
    (tmp_path / "metadata").write_text("# Finished dump at: x\n")
    (tmp_path / "d.t-schema.sql").write_text(_HEAD + "CREATE TABLE `t` (\n `id` int,\n `j` json\n) ENGINE=InnoDB;\n")
    load = _LOAD.format("d.t.00000.dat", "t", "`id`,@j").replace(");\n", ") SET `j`=CONVERT(@j USING UTF8MB4);\n")
    (tmp_path / "d.t.00000.sql").write_text(_HEAD + load)
    (tmp_path / "d.t.00000.dat").write_text('1\t{\\"é\\": [1, \\"x\\"]}\n2\t\\N\n', encoding="utf-8")
    with scratch(mysql_latest) as target:
        restore(mysql_latest, target, tmp_path, tmp_path)
        rows = mysql_latest.execute(f"SELECT id, CAST(j AS CHAR) FROM `{target}`.t ORDER BY id")
        assert rows == [(1, '{"é": [1, "x"]}'), (2, None)]


def test_keys_that_are_there_are_an_error_unless_told_otherwise(server: Server, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "dump")
    with scratch(server) as target:
        (folder / "shop.plain.00000.dat.gz").write_bytes(gzip.compress(_ROWS.replace(b"\n2\t", b"\n1\t")))
        with pytest.raises(RestoreError, match="1 rows of the file have keys that the target held already") as caught:
            restore(server, target, folder, tmp_path)
        assert caught.value.context["table"] == "plain"
    with scratch(server) as target:
        contents = restore(server, target, folder, tmp_path, load=LoadOptions(duplicates="ignore"))
        assert {one.name: one.rows for one in contents.tables}["plain"] == 3
        assert server.execute(f"SELECT GROUP_CONCAT(id) FROM `{target}`.plain") == [("1,3",)]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("shop.plain.00000.dat.gz", gzip.compress(_ROWS[:20], mtime=0), RestoreError, "plain got 1 rows, .* say 3"),
        ("shop.plain.00000.sql", b"SET @a = 1;\n", CorruptArtifactError, "no statement of the folder loads it"),
        ("shop.mydumper_0.00000.sql", b"SET @a = 1;\n", CorruptArtifactError, "we`ird; t has 2 rows, and holds none"),
        (
            "shop.plain.00000.sql",
            _LOAD.format("/etc/passwd", "plain", "`id`").encode(),
            UsageError,
            "names passwd, which is no data file of the folder",
        ),
        ("shop.plain.00000.sql", b"LOAD DATA INFILE '/etc/passwd' INTO TABLE `plain`;\n", UsageError, "of the form"),
    ],
)
def test_what_is_cut_off_or_leads_elsewhere_is_found(
    mysql_latest: Server, tmp_path: Path, name: str, content: bytes, error: type[DbfleetError], message: str
) -> None:
    mysql_latest.execute("SET GLOBAL local_infile = ON")
    folder = write_folder(tmp_path / "dump")
    (folder / name).write_bytes(content)
    with scratch(mysql_latest, create=False) as target:
        with pytest.raises(error, match=message):
            restore(mysql_latest, target, folder, tmp_path, create=True)
        assert not mysql_latest.execute(f"SHOW DATABASES LIKE '{target}'")


def test_a_server_that_takes_no_files_is_named_before_anything_is_done(mysql_latest: Server, tmp_path: Path) -> None:
    mysql_latest.execute("SET GLOBAL local_infile = OFF")
    with scratch(mysql_latest) as target:
        with pytest.raises(UsageError, match="local_infile is OFF"):
            restore(mysql_latest, target, write_folder(tmp_path / "dump"), tmp_path)
        with pytest.raises(UsageError, match="is not a statement"):
            restore(mysql_latest, target, _LOAD.format("x.dat", "plain", "`id`").encode(), tmp_path)
        assert not mysql_latest.execute(f"SHOW TABLES FROM `{target}`")


def test_a_sequence_that_stands_there_as_a_table_is_one(mariadb_latest: Server, tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text("# Finished dump at: x\n")
    columns = "`next_not_cached_value` bigint(21) NOT NULL, `minimum_value` bigint(21) NOT NULL, `maximum_value` "
    columns += "bigint(21) NOT NULL, `start_value` bigint(21) NOT NULL, `increment` bigint(21) NOT NULL, `cache_size` "
    columns += "bigint(21) unsigned NOT NULL, `cycle_option` tinyint(1) unsigned NOT NULL, `cycle_count` bigint(21)"
    text = f"CREATE TABLE `s` (\n{columns} NOT NULL\n) ENGINE=InnoDB SEQUENCE=1;\n"
    (tmp_path / "d.s-schema.sql").write_text(_HEAD + text)
    (tmp_path / "d.s.00000.sql").write_text(
        _HEAD + "INSERT INTO `s` VALUES(1005,1,9223372036854775806,5,1,1000,0,0)\n;\n"
    )
    with scratch(mariadb_latest) as target:
        assert dict(restore(mariadb_latest, target, tmp_path, tmp_path).objects) == {"sequence": 1}
        assert mariadb_latest.execute(f"SELECT NEXTVAL(`{target}`.s)") == [(1005,)]
