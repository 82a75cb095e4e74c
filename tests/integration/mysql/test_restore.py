# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Genuine dumps and hostile scripts, restored by ours and compared with what the genuine clients make of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dbfleet.errors import TargetNotEmptyError
from tests.servers import Server
from tests.servers.clients import client

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


def test_rows_of_ten_megabytes_need_little_memory(mariadb_latest: Server, tmp_path: Path) -> None:
    """A process of its own, so that its peak is its own."""
    path = tmp_path / "large.sql"
    with path.open("wb") as file:
        file.write(b"CREATE TABLE large (id INT PRIMARY KEY, body LONGBLOB);\n")
        for number in range(6):
            file.write(b"INSERT INTO large VALUES (%d,0x" % number + b"ab" * (10 << 20) + b");\n")
        for number in range(6, 12):
            file.write(b"INSERT INTO large VALUES (%d,'" % number + b"a\\n\\'bcdefg" * (1 << 20) + b"');\n")
    program = (
        "import sys; from pathlib import Path; from tests.servers import Server;"
        "from tests.integration.mysql.restore_support import restore;"
        "server = Server.attach(Path(sys.argv[1]));"
        "contents = restore(server, sys.argv[2], Path(sys.argv[3]), Path('.'));"
        # Unlike getrusage's, this peak does not begin with that of the parent.
        "status = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines());"
        "print(contents.tables[0].rows, status['VmHWM'].split()[0])"
    )
    with scratch(mariadb_latest) as target:
        with connected(mariadb_latest) as cursor:
            cursor.execute("SET GLOBAL max_allowed_packet = 67108864")
        command = [sys.executable, "-c", program, str(mariadb_latest.folder), target, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        rows, peak = map(int, done.stdout.split())
        assert rows == 12
        assert peak < 100 * 1024


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
