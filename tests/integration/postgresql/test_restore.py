# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of the genuine pg_dump, restored by ours into real servers."""

from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.postgresql.toc import TocEntry
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    assert_equal_databases,
    connection_options,
    content_of,
    databases,
    fill,
    new_database,
    newest_client,
    pg_dump,
    restore,
    transcribe,
)
from tests.servers.fixtures import Database, ServerPool


@pytest.fixture
def name(pg_latest: servers.Server) -> Iterator[str]:
    with new_database(pg_latest) as made:
        yield made


def test_genuine_archive_restores_to_an_equal_database(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    fill(server, pg_database.name)
    archive = pg_dump(server, pg_database.name, tmp_path / "shop.dump")
    with new_database(server) as name:
        plan, contents = restore(server, archive, name)
        assert_equal_databases(server, pg_database.name, name)
    assert plan.server.dbms == "postgresql"
    assert plan.server.version_number // 10000 == server.version[0]
    assert plan.server.identifier
    assert not plan.drops
    assert ("shop", "customers") in plan.tables
    rows = {(table.schema, table.name): table.rows for table in contents.tables}
    assert rows["shop", "customers"] == 503
    assert rows["shop", "empty"] == 0
    assert contents.objects["TABLE"] >= 8
    assert contents.objects["FK CONSTRAINT"] == 1


def test_create_restores_under_the_final_name_only(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    fill(server, pg_database.name)
    archive = pg_dump(server, pg_database.name, tmp_path / "shop.dump")
    before = databases(server)
    with new_database(server, create=False) as name:
        plan, _contents = restore(server, archive, name, create=True)
        assert plan.create
        assert databases(server) == before | {name}
        assert_equal_databases(server, pg_database.name, name)


@pytest.mark.parametrize(("old", "new"), [("pg10", "pg18"), ("pg13", "pg17"), ("pg15", "pg16"), ("pg18", "pg15")])
def test_into_another_version(server_pool: ServerPool, tmp_path: Path, old: str, new: str) -> None:
    source_server, target_server = server_pool.get(old), server_pool.get(new)
    with new_database(source_server) as source, new_database(target_server) as name:
        fill(source_server, source)
        archive = pg_dump(source_server, source, tmp_path / "shop.dump")
        restore(target_server, archive, name)
        assert content_of(source_server, source) == content_of(target_server, name)
        # Only the new server can tell what the genuine tools would make of the archive there.
        with new_database(target_server) as reference:
            version = max(newest_client(source_server), newest_client(target_server))
            servers.client("pg_restore", version=version).run(
                target_server, "-d", reference, archive, check=target_server.version >= (17,)
            )
            assert_equal_databases(target_server, reference, name)


PROPERTIES = """
CREATE ROLE {0}_owner; CREATE ROLE {0}_user;
CREATE DATABASE "{0} Odd" TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
ALTER DATABASE "{0} Odd" SET work_mem = '7MB';
ALTER DATABASE "{0} Odd" SET search_path = 'a b', public;
ALTER ROLE {0}_user IN DATABASE "{0} Odd" SET statement_timeout = '5min';
ALTER DATABASE "{0} Odd" CONNECTION LIMIT 7;
COMMENT ON DATABASE "{0} Odd" IS 'the comment ON DATABASE "{0} Odd" IS odd';
REVOKE ALL ON DATABASE "{0} Odd" FROM public;
GRANT CONNECT ON DATABASE "{0} Odd" TO {0}_user WITH GRANT OPTION;
ALTER DATABASE "{0} Odd" OWNER TO {0}_owner;
"""
DATABASE = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit, datistemplate, datdba::regrole::text,
    datacl::text, shobj_description(d.oid, 'pg_database'),
    (SELECT array_agg(setrole::regrole::text || setconfig::text ORDER BY 1) FROM pg_db_role_setting WHERE setdatabase = d.oid)
FROM pg_database d WHERE datname = %s
"""  # noqa: E501


@pytest.mark.parametrize("version", ["pg10", "pg14", "pg15", "pg17", "pg18"])
def test_create_takes_over_what_belongs_to_the_database(server_pool: ServerPool, tmp_path: Path, version: str) -> None:
    server = server_pool.get(version)
    with new_database(server, create=False) as name:
        source = f"{name} Odd"
        for statement in PROPERTIES.format(name).strip().split(";\n"):
            fill(server, "postgres", statement)
        try:
            with server.connect(source) as connection:
                connection.execute("CREATE TABLE äöü (a text); INSERT INTO äöü VALUES ('é')")
            archive = pg_dump(server, source, tmp_path / "odd.dump")
            restore(server, archive, name, create=True)
            with server.connect() as connection:
                expected = connection.execute(DATABASE, (source,)).fetchone()
                found = connection.execute(DATABASE, (name,)).fetchone()
                comment = f'the comment ON DATABASE "{name} Odd" IS odd'
            assert found == expected
            assert found is not None
            assert found[7] == comment
            assert content_of(server, source) == content_of(server, name)
        finally:
            fill(server, "postgres", f'DROP DATABASE "{source}"')
            fill(server, "postgres", f"DROP DATABASE IF EXISTS {name}")
            fill(server, "postgres", f"DROP ROLE {name}_user; DROP ROLE {name}_owner")


def test_a_latin1_archive_into_an_utf8_database(pg_latest: servers.Server, name: str, tmp_path: Path) -> None:
    source = f"{name}_latin1"
    fill(pg_latest, "postgres", f"CREATE DATABASE {source} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    role = f"{name}_owner"
    fill(pg_latest, "postgres", f"CREATE ROLE {role}")
    try:
        fill(
            pg_latest,
            source,
            f"""
            CREATE TABLE "tàble" ("cölumn" text); INSERT INTO "tàble" VALUES ('é'), ('ÿ');
            ALTER TABLE "tàble" OWNER TO {role}; COMMENT ON TABLE "tàble" IS 'ñ'
            """,
        )
        archive = pg_dump(pg_latest, source, tmp_path / "latin1.dump")
        restore(pg_latest, archive, name)
        with pg_latest.connect(name) as connection:
            assert connection.execute('SELECT array_agg("cölumn") FROM "tàble"').fetchone() == (["é", "ÿ"],)
            query = "SELECT relowner::regrole::text, obj_description(oid) FROM pg_class WHERE relname = 'tàble'"
            assert connection.execute(query).fetchone() == (role, "ñ")
            connection.execute('DROP TABLE "tàble"')
    finally:
        fill(pg_latest, "postgres", f"DROP DATABASE {source}")
        fill(pg_latest, "postgres", f"DROP ROLE {role}")


def test_an_ordinary_user_restores_what_is_his(pg_latest: servers.Server, tmp_path: Path) -> None:
    with (
        new_database(pg_latest) as source,
        new_database(pg_latest) as name,
        new_database(pg_latest, create=False) as new,
    ):
        user = f"{name}_user"
        fill(pg_latest, "postgres", f"CREATE ROLE {user} LOGIN CREATEDB; ALTER DATABASE {name} OWNER TO {user}")
        try:
            fill(
                pg_latest, source, f"GRANT ALL ON SCHEMA public TO {user}; GRANT CREATE ON DATABASE {source} TO {user}"
            )
            with pg_latest.connect(source, user=user) as connection:
                connection.execute(SAMPLE)
            fill(pg_latest, source, f"REVOKE ALL ON SCHEMA public FROM {user}")
            archive = pg_dump(pg_latest, source, tmp_path / "user.dump")
            connection = dataclasses.replace(connection_options(pg_latest), user=user)
            fill(pg_latest, name, f"ALTER SCHEMA public OWNER TO {user}")
            restore(pg_latest, archive, name, connection=connection)
            assert content_of(pg_latest, source) == content_of(pg_latest, name)
        finally:
            for database in (source, name):
                fill(pg_latest, database, f"DROP OWNED BY {user}")
            fill(pg_latest, "postgres", f"ALTER DATABASE {name} OWNER TO {pg_latest.user}; DROP ROLE {user}")
            assert new


def test_large_objects_with_owners_and_privileges(pg_latest: servers.Server, name: str, tmp_path: Path) -> None:
    role = f"{name}_owner"
    with new_database(pg_latest) as source:
        fill(pg_latest, source, f"CREATE ROLE {role}")
        try:
            fill(
                pg_latest,
                source,
                f"""
                SELECT lo_from_bytea(i::oid, repeat(i::text, 3000)::bytea) FROM generate_series(5001, 5300) i;
                DO $$ BEGIN FOR i IN 5001..5300 LOOP
                    EXECUTE format('ALTER LARGE OBJECT %s OWNER TO {role}', i);
                    EXECUTE format('GRANT SELECT ON LARGE OBJECT %s TO public', i);
                END LOOP; END $$;
                """,
            )
            archive = pg_dump(pg_latest, source, tmp_path / "objects.dump")
            restore(pg_latest, archive, name)
            query = """
                SELECT oid, lomowner::regrole::text, lomacl::text, md5(lo_get(oid))
                FROM pg_largeobject_metadata ORDER BY 1
            """
            with pg_latest.connect(source) as one, pg_latest.connect(name) as other:
                expected = one.execute(query).fetchall()
                assert len(expected) == 300
                assert other.execute(query).fetchall() == expected
            restore(pg_latest, archive, name, clean=True)
        finally:
            for database in (source, name):
                fill(pg_latest, database, f"DROP OWNED BY {role}")
            fill(pg_latest, "postgres", f"DROP ROLE {role}")


def test_passwords_inside_definitions_are_not_logged(
    pg_latest: servers.Server, name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = """
    CREATE FOREIGN DATA WRAPPER w OPTIONS (debug 'pw-wrapper');
    CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (password 'pw-server');
    CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'pw-mapping');
    CREATE SUBSCRIPTION u CONNECTION 'host=nowhere password=pw-subscription' PUBLICATION p WITH (connect = false);
    """
    with new_database(pg_latest) as source:
        try:
            fill(pg_latest, source, script)
            archive = pg_dump(pg_latest, source, tmp_path / "secret.dump")
        finally:
            fill(pg_latest, source, "ALTER SUBSCRIPTION u SET (slot_name = NONE); DROP SUBSCRIPTION u")
    with caplog.at_level(logging.DEBUG, logger="dbfleet"):
        restore(pg_latest, archive, name)
    assert "CREATE" in caplog.text or "BEGIN" in caplog.text
    assert "pw-" not in caplog.text
    assert "USER MAPPING USER MAPPING public SERVER s" in caplog.text
    fill(pg_latest, name, "ALTER SUBSCRIPTION u SET (slot_name = NONE)")
    fill(pg_latest, name, "DROP SUBSCRIPTION u")


def test_archives_without_a_search_path(pg_latest: servers.Server, name: str, tmp_path: Path) -> None:
    """pg_dump before 10.3 wrote names without their schema, for a search path set before each entry."""
    with new_database(pg_latest) as source:
        fill(
            pg_latest,
            source,
            'CREATE SCHEMA "Old one"; CREATE TABLE "Old one".t (a integer); CREATE TABLE public.p (b text)',
        )
        genuine = pg_dump(pg_latest, source, tmp_path / "new.dump")

        def change(entry: TocEntry) -> TocEntry | None:
            def bare(text: str | None) -> str | None:
                return text and text.replace('"Old one".', "").replace("public.", "")

            if entry.desc == "SEARCHPATH":
                return None
            return dataclasses.replace(
                entry, defn=bare(entry.defn), drop_stmt=bare(entry.drop_stmt), copy_stmt=bare(entry.copy_stmt)
            )

        archive = transcribe(genuine, tmp_path / "old.dump", version=(1, 12), change=change)
        restore(pg_latest, archive, name)
        assert_equal_databases(pg_latest, source, name)
        restore(pg_latest, archive, name, clean=True)
        assert_equal_databases(pg_latest, source, name)


MEASURE = """
import resource, sys
sys.path.insert(0, {root!r})
from pathlib import Path
from dbfleet.postgresql.options import ConnectionOptions, RestoreOptions
from dbfleet.postgresql.restore import PostgresqlRestoreTarget
from dbfleet.progress import Progress
from tests.integration.postgresql.restore_support import LocalArtifact
options = RestoreOptions(ConnectionOptions(unix_socket={socket!r}, port={port}, user={user!r}), {name!r})
target = PostgresqlRestoreTarget(options)
artifact = LocalArtifact(Path({archive!r}))
target.verify(artifact, None, Progress())
target.plan(artifact, None)
target.restore(artifact, None, Progress())
target.close()
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""


@pytest.mark.parametrize("compression", ["-Z0", "-Z1", "-Zzstd"])
def test_memory_does_not_grow_with_rows_of_ten_megabytes(
    pg_latest: servers.Server, name: str, tmp_path: Path, compression: str
) -> None:
    with new_database(pg_latest) as source:
        fill(
            pg_latest,
            source,
            "CREATE TABLE wide (a text); "
            "INSERT INTO wide SELECT repeat(md5(i::text), 330000) FROM generate_series(1, 12) i; "
            "SELECT lo_from_bytea(99, (SELECT a::bytea FROM wide LIMIT 1))",
        )
        archive = pg_dump(pg_latest, source, tmp_path / "wide.dump", compression)
        code = MEASURE.format(
            root=str(Path(__file__).parents[3]), socket=pg_latest.socket, port=pg_latest.port, user=pg_latest.user,
            name=name, archive=str(archive),
        )  # fmt: skip
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        query = (
            "SELECT count(*), sum(length(a)), md5(string_agg(md5(a), '' ORDER BY md5(a))), md5(lo_get(99)) FROM wide"
        )
        with pg_latest.connect(source) as one, pg_latest.connect(name) as other:
            assert one.execute(query).fetchone() == other.execute(query).fetchone()
    assert int(done.stdout) < 100 * 1024, f"{int(done.stdout) // 1024} MiB"
