# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Genuine dumps and hostile scripts, restored by ours and compared with what the genuine clients make of them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import RestoreError, TargetNotEmptyError
from dbfleet.mysql import folder_splitter
from dbfleet.mysql import script as script_module
from dbfleet.mysql.load_options import LoadOptions
from tests.servers import Server
from tests.servers.clients import client
from tests.servers.fixtures import ServerPool

from .restore_support import (
    backup,
    connected,
    fill,
    genuine_dump,
    genuine_load,
    logged,
    picture,
    restore,
    scratch,
)

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = Path(__file__).with_name("hostile.sql")

DUMP_OPTIONS = [
    (),
    ("--hex-blob", "--skip-extended-insert", "--complete-insert"),
    ("--skip-opt", "--create-options", "--skip-comments"),
    ("--no-autocommit", "--order-by-primary", "--add-drop-trigger"),
]


@pytest.mark.parametrize("options", DUMP_OPTIONS, ids=lambda options: " ".join(options) or "default")
def test_a_genuine_dump_is_loaded_as_the_genuine_client_loads_it(
    mysql_server: Server, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server) as theirs, scratch(mysql_server) as ours:
        fill(mysql_server, source)
        script = genuine_dump(mysql_server, source, *options)
        genuine_load(mysql_server, theirs, script)
        contents = restore(mysql_server, ours, script, tmp_path)
        want = picture(mysql_server, source)
        assert picture(mysql_server, theirs) == want
        assert picture(mysql_server, ours) == want
        rows = {table.name: table.rows for table in contents.tables}
        assert rows == {"plain": 4, "we`ird ;'\"-- #/* name": 4, "empty_one": 0, "made": 2, "child": 2, "narrow": 1}


def test_our_own_backup_comes_back_whole(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server, create=False) as target:
        fill(mysql_server, source)
        manifest, path = backup(mysql_server, source, tmp_path)
        contents = restore(mysql_server, target, path, tmp_path, manifest=manifest, create=True)
        assert picture(mysql_server, target) == picture(mysql_server, source)
        assert {(table.schema, table.name, table.rows, table.sha256) for table in contents.tables} == {
            (table.schema, table.name, table.rows, table.sha256) for table in manifest.contents.tables
        }


def test_clean_replaces_what_the_backup_holds_and_nothing_else(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server) as target:
        fill(mysql_server, source)
        fill(mysql_server, target)
        with connected(mysql_server, target) as cursor:
            cursor.execute("DROP VIEW seen")
            cursor.execute("CREATE TABLE seen (i INT)")
            cursor.execute("CREATE TABLE other (i INT)")
            cursor.execute("INSERT INTO other VALUES (1)")
            cursor.execute("DELETE FROM narrow")
        script = genuine_dump(mysql_server, source, "--skip-add-drop-table")
        with pytest.raises(TargetNotEmptyError, match="is not empty: .*and .* more"):
            restore(mysql_server, target, script, tmp_path)
        restore(mysql_server, target, script, tmp_path, clean=True)
        found = picture(mysql_server, target)
        assert found.pop("TABLE other")
        assert found.pop("rows other")
        assert found == picture(mysql_server, source)


def test_force_restores_beside_what_is_there(mariadb_latest: Server, tmp_path: Path) -> None:
    with scratch(mariadb_latest) as target:
        with connected(mariadb_latest, target) as cursor:
            cursor.execute("CREATE TABLE other (i INT)")
        restore(mariadb_latest, target, b"CREATE TABLE t (i INT);INSERT INTO t VALUES (1),(2);", tmp_path, force=True)
        assert set(picture(mariadb_latest, target)) == {"TABLE other", "rows other", "TABLE t", "rows t"}


def test_a_script_that_names_its_own_database_goes_to_the_target(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server, create=False) as target:
        with connected(mysql_server, source) as cursor:
            cursor.execute("CREATE TABLE t (i INT)")
            cursor.execute("INSERT INTO t VALUES (1)")
        script = genuine_dump(mysql_server, source, "--databases")
        with connected(mysql_server, source) as cursor:
            cursor.execute("DELETE FROM t")
        restore(mysql_server, target, script, tmp_path, create=True)
        with connected(mysql_server) as cursor:
            cursor.execute(f"SELECT (SELECT COUNT(*) FROM {source}.t), (SELECT COUNT(*) FROM {target}.t)")
            assert cursor.fetchone() == (0, 1)


def test_gtid_state_and_binary_log_stay_as_they_are(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as source, scratch(mysql_latest) as target:
        with connected(mysql_latest, source) as cursor:
            cursor.execute("CREATE TABLE t (i INT)")
            cursor.execute("INSERT INTO t VALUES (1)")
        script = client("mysqldump").run(mysql_latest, "--set-gtid-purged=ON", source).stdout
        assert b"GTID_PURGED" in script
        with connected(mysql_latest) as cursor:
            cursor.execute("SELECT @@GLOBAL.gtid_purged")
            before = cursor.fetchone()
            cursor.execute("SHOW BINARY LOG STATUS")
            position = cursor.fetchone()[1]
        restore(mysql_latest, target, script, tmp_path)
        with connected(mysql_latest) as cursor:
            cursor.execute("SELECT @@GLOBAL.gtid_purged")
            assert cursor.fetchone() == before
            cursor.execute("SHOW BINARY LOG STATUS")
            assert cursor.fetchone()[1] > position


_RESTORE_BY_ITSELF = """
import sys
from pathlib import Path
from tests.integration.mysql.restore_support import restore
from tests.servers import Server

contents = restore(Server.attach(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]), Path('.'))
# Unlike getrusage's, this peak does not begin with that of the parent.
status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines())
print(contents.tables[0].rows, status['VmHWM'].split()[0])
"""


def _rows_and_peak(server: Server, target: str, source: Path) -> tuple[int, int]:
    """Restored by a process of its own, so that its peak (in KiB) is its own."""
    command = [sys.executable, "-c", _RESTORE_BY_ITSELF, str(server.folder), target, str(source)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, peak = map(int, done.stdout.split())
    return rows, peak


def test_rows_of_ten_megabytes_need_little_memory(mariadb_latest: Server, tmp_path: Path) -> None:
    path = tmp_path / "large.sql"
    with path.open("wb") as file:
        file.write(b"CREATE TABLE large (id INT PRIMARY KEY, body LONGBLOB);\n")
        for number in range(6):
            file.write(b"INSERT INTO large VALUES (%d,0x" % number + b"ab" * (10 << 20) + b");\n")
        for number in range(6, 12):
            file.write(b"INSERT INTO large VALUES (%d,'" % number + b"a\\n\\'bcdefg" * (1 << 20) + b"');\n")
    with scratch(mariadb_latest) as target:
        with connected(mariadb_latest) as cursor:
            cursor.execute("SET GLOBAL max_allowed_packet = 67108864")
        rows, peak = _rows_and_peak(mariadb_latest, target, path)
        assert rows == 12
        assert peak < 100 * 1024


@pytest.fixture(params=["mysql97", "mariadb1011"])
def roomy(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Server]:
    with server_pool.fresh(request.param, extra_config={"max_allowed_packet": "1G"}) as server:
        yield server


@pytest.mark.parametrize("form", ["script", "folder"])
def test_a_statement_larger_than_the_memory_is_passed_on_as_it_is_read(
    roomy: Server, tmp_path: Path, form: str
) -> None:
    """64 MB of hexadecimal digits and 20 MB of text in one row, between small ones, all exact."""
    values = b"0x" + b"00FF275C" * (8 << 20) + b",'" + b"it\\'s; \\\\" * (2 << 20) + b"'"
    rows = b"INSERT INTO `large` VALUES (1,'a','x');\n"
    rows += b"INSERT INTO `large` VALUES (2," + values + b");\nINSERT INTO `large` VALUES (3,NULL,'y');\n"
    create = b"CREATE TABLE `large` (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT) ENGINE=MyISAM;\n"
    source = tmp_path / form
    if form == "script":
        source.write_bytes(create + rows)
    else:
        source.mkdir()
        (source / "metadata").write_text("Started dump at: x\nFinished dump at: y\n")
        (source / "d.large-schema.sql").write_bytes(create)
        (source / "d.large.sql").write_bytes(rows)
    with scratch(roomy) as target:
        rows_restored, peak = _rows_and_peak(roomy, target, source)
        assert rows_restored == 3
        # The statement alone has 84 MB, and Python and its libraries 35.
        assert peak < 100 * 1024
        with connected(roomy, target) as cursor:
            cursor.execute("SELECT id, SHA2(b, 256), SHA2(t, 256) FROM large ORDER BY id")
            found = cursor.fetchall()
        digests = [hashlib.sha256(data).hexdigest() for data in (b"\0\xff'\\" * (8 << 20), b"it's; \\" * (2 << 20))]
        assert found[1] == (2, *digests)
        assert [row[0] for row in found] == [1, 2, 3]


@pytest.mark.parametrize("form", ["script", "folder"])
def test_a_statement_passed_on_is_judged_as_any_other(
    mariadb_latest: Server, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty enumeration value comes back, a key that is there is an error by its line, and the rest goes on."""
    for module in (script_module, folder_splitter):
        monkeypatch.setattr(module, "KEPT_UP_TO", 1 << 20)
    monkeypatch.setattr(script_module, "_LARGEST_USUAL", 1 << 20)
    large = b"'" + b"large " * (1 << 19) + b"'"
    create = b"CREATE TABLE `large` (id INT PRIMARY KEY, t LONGTEXT, e ENUM('a')) ENGINE=InnoDB;\n"
    create += b"CREATE TABLE `other` (id INT PRIMARY KEY, t LONGTEXT) ENGINE=InnoDB;\n"
    rows = {"large": b"INSERT INTO `large` VALUES (1," + large + b",'');\nINSERT INTO `large` VALUES (2,'x','a');\n"}
    rows["other"] = b"INSERT INTO `other` VALUES (1,'x');\nINSERT INTO `other` VALUES (1," + large + b");\n"
    rows["other"] += b"INSERT INTO `other` VALUES (2," + large + b"),(3,'z');\n"
    source = tmp_path / form
    if form == "script":
        # As every dump does: a server's own strict mode refuses the empty value.
        source.write_bytes(b"SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\n" + create + b"".join(rows.values()))
    else:
        source.mkdir()
        (source / "metadata").write_text("Started dump at: x\nFinished dump at: y\n")
        for name, text in zip(rows, create.splitlines(keepends=True)):
            (source / f"d.{name}-schema.sql").write_bytes(text)
            (source / f"d.{name}.sql").write_bytes(rows[name])
    for jobs in (1, 2):
        with scratch(mariadb_latest) as target:
            with pytest.raises(RestoreError, match=r"INSERT INTO other: .*1062") as stopped:
                restore(mariadb_latest, target, source, tmp_path, jobs=jobs)
            assert stopped.value.context["line"] == (7 if form == "script" else 2)
        with scratch(mariadb_latest) as target:
            with pytest.raises(RestoreError, match="1 statements failed"):
                restore(mariadb_latest, target, source, tmp_path, jobs=jobs, load=LoadOptions(on_error="continue"))
            with connected(mariadb_latest, target) as cursor:
                cursor.execute("SELECT id, LENGTH(t), e + 0 FROM large ORDER BY id")
                assert cursor.fetchall() == ((1, 6 << 19, 0), (2, 1, 1))
                cursor.execute("SELECT id, LENGTH(t) FROM other ORDER BY id")
                assert cursor.fetchall() == ((1, 1), (2, 6 << 19), (3, 1))


def test_the_general_log_shows_the_statements_of_the_genuine_client(mysql_server: Server, tmp_path: Path) -> None:
    """Hostile but valid SQL is cut into the same statements by both."""
    script = HOSTILE.read_bytes()
    seen = []
    for load in (genuine_load, lambda server, name, text: restore(server, name, text, tmp_path)):
        with scratch(mysql_server) as target, logged(mysql_server) as statements:
            load(mysql_server, target, script)
            seen.append([one.strip() for one in statements() if b"/*case*/" in one])
    assert seen[0] == seen[1]
    assert len(seen[0]) == script.count(b"/*case*/")
