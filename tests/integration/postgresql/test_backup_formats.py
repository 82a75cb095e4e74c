# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory, tar and plain formats and all archive versions, judged by the genuine tools."""

from __future__ import annotations

import gzip
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import UsageError
from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions
from tests import servers
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    fill_with_zoo,
    restore_genuinely,
    script_of,
)
from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    content_of,
    fill,
    new_database,
    pg_dump,
    restore,
)
from tests.servers.fixtures import Database, ServerPool

CURRENT = (14, 15, 16, 17, 18)
VERSIONS = {"1.12": 14, "1.13": 14, "1.14": 14, "1.15": 16, "1.16": 17}


@pytest.fixture
def small(pg_latest_database: Database) -> Database:
    """Few objects of many kinds, and large objects."""
    fill(pg_latest_database.server, pg_latest_database.name)
    return pg_latest_database


@pytest.fixture
def zoo(pg_database: Database) -> Database:
    fill_with_zoo(pg_database.server, pg_database.name)
    return pg_database


def run_script(server: servers.Server, script: Path, database: str, *, version: int = NEWEST_CLIENT) -> None:
    """Run a plain backup with a genuine psql that any error stops."""
    program = servers.client("psql", version=version)
    program.run(server, "-Xq", "-v", "ON_ERROR_STOP=1", "-1", "-d", database, "-f", script)


def statements(script: bytes) -> list[bytes]:
    """A script line by line, without what names the program that wrote it and its random key."""
    differs = re.compile(rb"\\(un)?restrict |-- Dumped by ")
    return [line for line in script.split(b"\n") if not differs.match(line)]


@pytest.mark.slow
def test_the_plain_zoo_is_what_pg_restore_makes_of_the_custom_one(zoo: Database, tmp_path: Path) -> None:
    server = zoo.server
    archive, _contents, _progress = back_up(server, zoo.name, tmp_path)
    genuine = servers.client("pg_restore", version=NEWEST_CLIENT)
    for number, options in enumerate(({}, {"clean": True}, {"clean": True, "if_exists": True}, {"create": True})):
        folder = tmp_path / str(number)
        folder.mkdir()
        ours, _contents, _progress = back_up(server, zoo.name, folder, format="plain", **options)
        flags = [f"--{name.replace('_', '-')}" for name in options]
        expected = statements(genuine.run(None, *flags, "-f", "-", archive).stdout)
        if server.version[0] < 17:
            expected = [line for line in expected if line != b"SET transaction_timeout = 0;"]
        assert statements(ours.read_bytes()) == expected, options


@pytest.mark.slow
@pytest.mark.parametrize("form", ["directory", "tar", "plain"])
def test_the_zoo_restored_from_every_format_is_the_zoo(zoo: Database, tmp_path: Path, form: str) -> None:
    server = zoo.server
    artifact, contents, _progress = back_up(server, zoo.name, tmp_path, format=form)
    assert contents.format == form
    with new_database(server) as copy:
        if form == "plain":
            run_script(server, artifact, copy)
        else:
            restore_genuinely(server, artifact, copy)
        assert dumped(server, copy) == dumped(server, zoo.name)


def test_every_format_records_the_same_tables(small: Database, tmp_path: Path) -> None:
    found = []
    for form in ("custom", "directory", "tar", "plain"):
        _artifact, contents, _progress = back_up(small.server, small.name, tmp_path, format=form)
        found.append(contents.tables)
    assert found == [found[0]] * 4


@pytest.mark.parametrize("form", ["directory", "tar"])
def test_our_own_restore_reads_them(small: Database, tmp_path: Path, form: str) -> None:
    artifact, _contents, _progress = back_up(small.server, small.name, tmp_path, format=form)
    with new_database(small.server) as copy:
        restore(small.server, artifact, copy)
        assert_equal_databases(small.server, small.name, copy)


@pytest.mark.parametrize("compression", ["none", "gzip:9", "zstd:3", "lz4"])
def test_a_directory_is_restored_by_several_jobs(small: Database, tmp_path: Path, compression: str) -> None:
    artifact, _contents, _progress = back_up(
        small.server, small.name, tmp_path, format="directory", compression=compression
    )
    program = servers.client("pg_restore", version=NEWEST_CLIENT)
    with new_database(small.server) as copy:
        program.run(small.server, "--exit-on-error", "--jobs", "4", "-d", copy, artifact)
        assert_equal_databases(small.server, small.name, copy)


@pytest.mark.parametrize("can_patch", [True, False])
def test_a_tar_is_a_tar(small: Database, tmp_path: Path, can_patch: bool) -> None:
    artifact, _contents, _progress = back_up(small.server, small.name, tmp_path, format="tar", can_patch=can_patch)
    assert [path.name for path in tmp_path.iterdir()] == [artifact.name]
    with tarfile.open(artifact) as archive:
        members = archive.getmembers()
        assert (members[0].name, members[-1].name) == ("toc.dat", "restore.sql")
        assert all((one.mode, one.uname, one.isreg()) == (0o600, "postgres", True) for one in members)
        blob = archive.extractfile("blob_4711.dat")
        assert blob is not None
        assert blob.read() == bytes.fromhex("00ff10") * 100_000
    assert artifact.stat().st_size % 512 == 0


@pytest.fixture
def files_for_the_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="dbfleet-tar-") as folder:
        Path(folder).chmod(0o755)
        yield folder


def test_the_script_of_a_tar_restores_its_extracted_files(
    small: Database, tmp_path: Path, files_for_the_server: str
) -> None:
    artifact, _contents, _progress = back_up(small.server, small.name, tmp_path, format="tar")
    # The server, which is another user, reads the files.
    extracted = Path(files_for_the_server)
    with tarfile.open(artifact) as archive:
        archive.extractall(extracted, filter="data")
    for path in extracted.iterdir():
        path.chmod(0o644)
    script = (extracted / "restore.sql").read_text().replace("$$PATH$$", str(extracted))
    begin, rest = script.split(f"DROP DATABASE {small.name};\n")
    with new_database(small.server) as copy:
        text = begin + rest.partition(f"\\connect {small.name}\n")[2]
        servers.client("psql", version=NEWEST_CLIENT).run(small.server, "-Xq", "-d", copy, "-f", "-", input=text)
        assert_equal_databases(small.server, small.name, copy)


@pytest.mark.parametrize("form", ["custom", "directory", "tar"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read_by_its_pg_restore(small: Database, tmp_path: Path, version: str, form: str) -> None:
    artifact, contents, _progress = back_up(small.server, small.name, tmp_path, format=form, archive_version=version)
    assert contents.options["archive_version"] == version
    expected = None
    for series in CURRENT:
        if series < VERSIONS[version]:
            continue
        program = servers.client("pg_restore", version=series)
        listed = program.run(None, "-l", artifact).stdout.decode()
        assert f"Dump Version: {version}-0" in listed
        entries = [line for line in listed.split("\n") if not line.startswith(";")]
        expected = expected or entries
        assert entries == expected, series
    with new_database(small.server) as copy:
        restore_genuinely(small.server, artifact, copy)
        assert content_of(small.server, copy) == content_of(small.server, small.name)


@pytest.mark.parametrize("server_name", ["pg10", "pg11", "pg13", "pg15", "pg16", "pg17", "pg18"])
def test_the_version_is_that_of_the_servers_own_pg_dump(
    server_pool: ServerPool, tmp_path: Path, server_name: str
) -> None:
    server = server_pool.get(server_name)
    with new_database(server) as name:
        _artifact, contents, _progress = back_up(server, name, tmp_path)
        expected = {10: "1.13", 11: "1.13", 13: "1.14", 15: "1.14", 16: "1.15", 17: "1.16", 18: "1.16"}
        assert contents.options["archive_version"] == expected[server.version[0]]


def test_a_compressed_script(small: Database, tmp_path: Path) -> None:
    plain, _contents, _progress = back_up(small.server, small.name, tmp_path, format="plain", restrict_key="k")
    packed, _contents, _progress = back_up(
        small.server, small.name, tmp_path, format="plain", compression="gzip", restrict_key="k"
    )
    assert packed.name == f"{plain.name}.gz"
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_a_script_for_an_older_psql(small: Database, tmp_path: Path) -> None:
    script, _contents, _progress = back_up(small.server, small.name, tmp_path, format="plain", restrict=False)
    assert b"restrict" not in script.read_bytes()
    with new_database(small.server) as copy:
        run_script(small.server, script, copy)
        assert_equal_databases(small.server, small.name, copy)


def test_a_database_with_an_odd_name_is_made_by_its_script(pg_latest: servers.Server, tmp_path: Path) -> None:
    name = """odd 'x' "y" \\ é%"""
    quoted = '"' + name.replace('"', '""') + '"'
    pg_latest.execute(f"CREATE DATABASE {quoted}")
    try:
        pg_latest.execute("CREATE TABLE here (a integer)", database=name)
        pg_latest.execute("COMMENT ON DATABASE " + quoted + " IS 'odd'")
        script, _contents, _progress = back_up(
            pg_latest, name, tmp_path, format="plain", create=True, clean=True, if_exists=True
        )
        program = servers.client("psql", version=NEWEST_CLIENT)
        program.run(pg_latest, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", script)
        found = pg_latest.execute("SELECT count(*) FROM pg_class WHERE relname = 'here'", database=name)
        assert found == [(1,)]
    finally:
        pg_latest.execute(f"DROP DATABASE {quoted}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "zip"}, "unknown format"),
        ({"format": "tar", "compression": "gzip"}, "cannot be compressed"),
        ({"format": "tar", "jobs": 2}, "by one job"),
        ({"format": "plain", "jobs": 2}, "by one job"),
        ({"clean": True}, "only for the format plain"),
        ({"format": "plain", "if_exists": True}, "together with clean"),
        ({"format": "plain", "restrict_key": "a;b"}, "restrict key"),
        ({"format": "plain", "restrict_key": "a", "restrict": False}, "exclude each other"),
        ({"format": "plain", "archive_version": "1.14"}, "no archive version"),
        ({"archive_version": "1.11"}, "cannot be written"),
        ({"archive_version": "1.14", "compression": "zstd"}, "cannot hold zstd"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], message: str) -> None:
    connection = ConnectionOptions(host="nowhere.invalid")
    with pytest.raises(UsageError, match=message):
        PostgresqlBackupSource(BackupOptions(connection=connection, database="x", **options))  # type: ignore[arg-type]


def test_a_plain_backup_lists_like_the_custom_one(small: Database, tmp_path: Path) -> None:
    custom, _contents, _progress = back_up(small.server, small.name, tmp_path)
    for form in ("directory", "tar"):
        artifact, _contents, _progress = back_up(small.server, small.name, tmp_path, format=form)
        assert script_of(artifact, "--clean", "--if-exists") == script_of(custom, "--clean", "--if-exists")


LARGE_OBJECTS = """
SELECT lo_from_bytea(4711, decode(repeat('00ff10', 20000), 'hex')), lo_from_bytea(4712, ''), lo_from_bytea(4713, 'x');
SELECT lo_from_bytea(4714, '\\x5c00'), lo_from_bytea(4294967295, 'last'), lo_from_bytea(4715, 'y');
COMMENT ON LARGE OBJECT 4713 IS 'it''s; one';
GRANT SELECT ON LARGE OBJECT 4711, 4712 TO {role};
ALTER LARGE OBJECT 4714 OWNER TO {role};
REVOKE ALL ON LARGE OBJECT 4715 FROM CURRENT_USER;
SELECT count(lo_from_bytea(g, decode(md5(g::text), 'hex'))) FROM generate_series(5001, 7500) g;
"""
STATE = """
SELECT m.oid, pg_get_userbyid(lomowner), lomacl::text, obj_description(m.oid, 'pg_largeobject'), md5(lo_get(m.oid))
FROM pg_largeobject_metadata m ORDER BY m.oid
"""


@pytest.mark.parametrize("version", ["1.12", "1.15", "1.16", ""])
def test_large_objects_in_every_format(pg_latest_database: Database, tmp_path: Path, version: str) -> None:
    server, name = pg_latest_database.server, pg_latest_database.name
    role = f"{name}_role"
    server.execute(f"CREATE ROLE {role}")
    try:
        pg_latest_database.execute(*LARGE_OBJECTS.format(role=role).strip().split("\n"))
        expected = pg_latest_database.execute(STATE)
        assert len(expected) == 2506
        for form in ("plain",) if not version else ("custom", "directory", "tar"):
            artifact, contents, _progress = back_up(server, name, tmp_path, format=form, archive_version=version)
            assert contents.objects["large object"] == 2506
            restores = [run_script] if form == "plain" else [restore_genuinely, restore]
            for restored in restores:
                with new_database(server) as copy:
                    restored(server, artifact, copy)  # type: ignore[operator]
                    assert server.execute(STATE, database=copy) == expected, (form, restored)
    finally:
        pg_latest_database.execute(f"DROP OWNED BY {role}")
        server.execute(f"DROP ROLE {role}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"inserts": True},
        {"column_inserts": True},
        {"rows_per_insert": 3},
        {"column_inserts": True, "rows_per_insert": 2, "on_conflict_do_nothing": True},
    ],
    ids="-".join,
)
def test_inserts_are_those_of_pg_dump(zoo: Database, tmp_path: Path, options: dict[str, object]) -> None:
    server = zoo.server
    ours, contents, _progress = back_up(server, zoo.name, tmp_path, **options)
    flags = [f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}") for name, value in options.items()]
    theirs = pg_dump(server, zoo.name, tmp_path / "theirs.dump", *flags, version=NEWEST_CLIENT)
    if server.version[0] >= 14 or "rows_per_insert" not in options or "column_inserts" in options:
        # A negative zero, which pg_dump's statements lose, is one of ours.
        statements_of = [line.replace("'-0'", "-0") for line in script_of(ours, "--data-only")]
        assert statements_of == script_of(theirs, "--data-only")
    assert {name: contents.options[name] for name in options} == options
    with new_database(server) as copy:
        restore_genuinely(server, ours, copy)
        assert dumped(server, copy) == dumped(server, zoo.name)


def test_inserts_in_every_format(small: Database, tmp_path: Path) -> None:
    artifacts = {}
    for form in ("custom", "directory", "tar", "plain"):
        artifacts[form], contents, _progress = back_up(
            small.server, small.name, tmp_path, format=form, rows_per_insert=100
        )
        assert {table.sha256 for table in contents.tables} == {""}
        assert sum(table.rows for table in contents.tables) == 2961
        with new_database(small.server) as copy:
            if form == "plain":
                run_script(small.server, artifacts[form], copy)
            else:
                restore_genuinely(small.server, artifacts[form], copy)
            assert_equal_databases(small.server, small.name, copy)


def test_inserts_by_several_jobs(small: Database, tmp_path: Path) -> None:
    artifact, _contents, _progress = back_up(
        small.server, small.name, tmp_path, format="directory", jobs=3, column_inserts=True
    )
    with new_database(small.server) as copy:
        restore_genuinely(small.server, artifact, copy)
        assert_equal_databases(small.server, small.name, copy)
