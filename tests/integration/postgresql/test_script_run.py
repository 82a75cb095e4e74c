# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain scripts run by ours and by the genuine psql leave equal databases; failures say where."""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import CorruptArtifactError, DbfleetError, RestoreError, UsageError
from dbfleet.postgresql.connection import connect
from dbfleet.postgresql.script_run import ScriptOptions, run_script
from dbfleet.postgresql.script_source import ScriptSource
from dbfleet.postgresql.script_tables import ScriptTable
from dbfleet.postgresql.script_verify import ScriptSummary, verify_script
from dbfleet.postgresql.session import Session
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact
from tests import servers
from tests.integration.postgresql.backup_support import fill_with_zoo
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    connection_options,
    fill,
    new_database,
    newest_client,
    pg_dump,
)
from tests.servers.fixtures import Database, ServerPool


@contextmanager
def session_in(server: servers.Server, database: str) -> Iterator[Session]:
    session = connect(connection_options(server), database=database)
    try:
        yield session
    finally:
        session.close()


def run(
    server: servers.Server, database: str, script: Path, *, several: bool = False, **options: Any
) -> tuple[ScriptSummary, tuple[ScriptTable, ...], Progress]:
    """The whole way: verify, then run. What was found in it, what was loaded, what was said."""
    artifact = open_artifact(str(script))
    progress = Progress()
    single = bool(options.get("single_transaction"))
    summary = verify_script(artifact, None, progress, several_databases=several, single_transaction=single)

    def change(name: str) -> Session:
        return connect(connection_options(server), database=name)

    with session_in(server, database) as session, closing(ScriptSource(artifact)) as source:
        loaded = run_script(
            session, source, progress, options=ScriptOptions(**options), connect=change if several else None
        )
    return summary, loaded, progress


def run_by_psql(server: servers.Server, database: str, script: Path, *args: str, version: int = 18) -> None:
    servers.client("psql", version=version).run(server, "-q", *args, "-d", database, "-f", script)


def written(folder: Path, text: str | bytes, name: str = "script.sql") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text)
    return path


def failed(server: servers.Server, database: str, script: Path, **options: Any) -> DbfleetError:
    with pytest.raises(DbfleetError) as caught:
        run(server, database, script, **options)
    return caught.value


def dump_of(server: servers.Server, database: str) -> str:
    """Schema, data and large objects as the genuine pg_dump writes them."""
    program = servers.client("pg_dump", version=newest_client(server))
    text = program.run(server, database).stdout.decode("utf-8", "surrogateescape")
    return re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE)


def assert_equal_databases(server: servers.Server, first: str, second: str) -> None:
    assert dump_of(server, first) == dump_of(server, second)


# -- the scripts of pg_dump


@pytest.mark.parametrize("form", ["copy", "inserts", "clean", "single"])
def test_a_dump_of_the_server_s_own_pg_dump(pg_database: Database, tmp_path: Path, form: str) -> None:
    server = pg_database.server
    if server.version[0] >= 14 and form != "clean":
        # No pg_dump of ours writes for older servers, and none drops all of the zoo's partitions.
        fill_with_zoo(server, pg_database.name)
    fill(server, pg_database.name, SAMPLE)
    arguments = {"inserts": ["--rows-per-insert=7"], "clean": ["--clean", "--if-exists"]}.get(form, [])
    script = pg_dump(server, pg_database.name, tmp_path / "plain.sql", "-Fp", *arguments)
    with new_database(server) as first, new_database(server) as second:
        if form == "clean":
            # It is for a database that holds the same already.
            before = pg_dump(server, pg_database.name, tmp_path / "before.sql", "-Fp")
            run(server, first, before)
            run_by_psql(server, second, before, version=newest_client(server))
        summary, loaded, progress = run(server, first, script, single_transaction=form == "single")
        run_by_psql(server, second, script, version=newest_client(server))
        assert_equal_databases(server, first, second)
        if form != "inserts":
            # As an INSERT pg_dump writes -0 so that it comes back as 0.
            assert_equal_databases(server, pg_database.name, first)
    assert loaded == summary.tables
    assert bool(loaded) is (form != "inserts")
    assert summary.objects["table"] > 6
    assert progress.warnings == []


@pytest.mark.parametrize("client", [14, 15, 16, 17, 18])
@pytest.mark.parametrize("target", ["pg14", "pg18"])
def test_dumps_of_every_pg_dump(server_pool: ServerPool, tmp_path: Path, client: int, target: str) -> None:
    """A dump of a newer pg_dump begins with settings that an older server does not know."""
    source, server = server_pool.get("pg14"), server_pool.get(target)
    with new_database(source) as original, new_database(server) as restored:
        fill(source, original, SAMPLE)
        script = pg_dump(source, original, tmp_path / "plain.sql", "-Fp", version=client)
        run(server, restored, script)
        if target == "pg14":
            assert_equal_databases(source, original, restored)
        else:
            with server.connect(restored) as connection:
                assert connection.execute("SELECT count(*) FROM shop.orders").fetchall() == [(2000,)]


def test_rows_bytes_and_digests_are_those_of_the_copy_text(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as original, new_database(pg_latest) as restored:
        fill(
            pg_latest,
            original,
            "CREATE TABLE t (a text); INSERT INTO t SELECT 'row ' || i FROM generate_series(1, 9) i",
        )
        script = pg_dump(pg_latest, original, tmp_path / "plain.sql", "-Fp")
        (compressed := tmp_path / "plain.sql.gz").write_bytes(gzip.compress(script.read_bytes()))
        _summary, loaded, _progress = run(pg_latest, restored, compressed)
    (table,) = loaded
    data = b"".join(b"row %d\n" % i for i in range(1, 10))
    assert (table.record.schema, table.record.name, table.record.rows) == ("public", "t", 9)
    assert table.record.bytes == len(data)
    assert len(table.record.sha256) == 64


@pytest.mark.parametrize("name", ["pg14", "pg18"])
def test_a_whole_cluster(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    source, ours, theirs = (server_pool.fresh(name) for _copy in range(3))
    try:
        source.execute("CREATE ROLE reader NOLOGIN", "CREATE ROLE \"Odd 'role\" LOGIN PASSWORD 'x' IN ROLE reader")
        for database in ("shop", "Odd \"näme' \\x"):
            quoted = '"' + database.replace('"', '""') + '"'
            source.execute(f"CREATE DATABASE {quoted} TEMPLATE template0")
            fill(source, database, SAMPLE)
            source.execute("GRANT SELECT ON shop.orders TO reader", database=database)
        version = source.version[0]
        script = tmp_path / "cluster.sql"
        servers.client("pg_dumpall", version=version).run(source, "-f", script)

        assert "exists" in failed(ours, "postgres", script, several=True).message
        summary, loaded, _progress = run(ours, "postgres", script, several=True, skip_existing=True)
        servers.client("psql", version=version).run(
            theirs, "--set=ON_ERROR_STOP=0", "-q", "-d", "postgres", "-f", script, check=False
        )
        assert summary.databases == ("template1", "Odd \"näme' \\x", "postgres", "shop")
        assert {table.database for table in loaded} == {"shop", "Odd \"näme' \\x"}
        dumps = []
        for server in (source, ours, theirs):
            text = servers.client("pg_dumpall", version=version).run(server).stdout.decode()
            dumps.append(re.sub(r"^\\(un)?restrict .*$", "", text, flags=re.MULTILINE))
        assert dumps[0] == dumps[1] == dumps[2]
        assert isinstance(failed(ours, "postgres", script), UsageError)
        assert isinstance(failed(ours, "postgres", script, several=True, single_transaction=True), UsageError)
    finally:
        for server in (source, ours, theirs):
            server.stop()


# -- what dumps do not hold, but psql runs


def test_other_scripts_run_as_with_psql(pg_database: Database, tmp_path: Path) -> None:
    script = written(
        tmp_path,
        "CREATE TABLE t (a text, b text);\n"
        "COPY t FROM stdin WITH (FORMAT csv, HEADER);\nx,y\n1,\"a,\nb\"\n\\.\n"
        "COPY t (b) FROM stdin;\r\nrow\n\\.\r\n"
        "SET standard_conforming_strings = off; SET escape_string_warning = off;\n"
        "INSERT INTO t VALUES ('a\\';b', E'\\'c');\nRESET standard_conforming_strings;\n"
        "INSERT INTO t VALUES ('\\', $$;$$), ('x', $a$ $$; $a$);\n"
        "SET client_encoding = 'LATIN1';\nINSERT INTO t VALUES ('\udce4');\n"
        "DO $$ BEGIN PERFORM 1; END $$;SELECT i FROM generate_series(1, 5) i;\n"
        "/* last */ INSERT INTO t VALUES ('one');INSERT INTO t VALUES ('two');--end",
    )  # fmt: skip
    with new_database(pg_database.server) as other:
        run(pg_database.server, pg_database.name, script)
        run_by_psql(pg_database.server, other, script)
        assert_equal_databases(pg_database.server, pg_database.name, other)
    assert pg_database.execute("SELECT count(*) FROM t") == [(8,)]


# -- failures


def test_a_failing_statement_in_the_middle(pg_database: Database, tmp_path: Path) -> None:
    text = "CREATE TABLE a (i int);\n\nCREATE TABLE b (\n  i int,\n  j wrong\n);\nCREATE TABLE c (i int);\n"
    script = written(tmp_path, text)
    error = failed(pg_database.server, pg_database.name, script)
    assert isinstance(error, RestoreError)
    assert error.message == f'line 5 of {script}: CREATE TABLE b: type "wrong" does not exist [SQLSTATE 42704]'
    assert error.context == {
        "file": str(script), "line": 5, "statement": "CREATE TABLE b", "completed": 1, "sqlstate": "42704",
        "database": pg_database.name,
    }  # fmt: skip
    assert tables(pg_database) == ["a"]


def test_nothing_is_left_of_a_single_transaction(pg_database: Database, tmp_path: Path) -> None:
    begin = "CREATE TABLE a (i int);\nBEGIN;\nINSERT INTO a VALUES (1);\nCOMMIT;\n"
    error = failed(
        pg_database.server, pg_database.name, written(tmp_path, begin + "SELECT 1/0;\n"), single_transaction=True
    )
    assert error.context["line"] == 5
    assert tables(pg_database) == []
    run(pg_database.server, pg_database.name, written(tmp_path, begin), single_transaction=True)
    assert pg_database.execute("SELECT * FROM a") == [(1,)]


@pytest.mark.parametrize(
    "statement", ["ROLLBACK", "abort", "COMMIT AND CHAIN", "PREPARE TRANSACTION 'x'", "BEGIN READ ONLY"]
)
def test_a_single_transaction_cannot_be_ended(pg_latest: servers.Server, tmp_path: Path, statement: str) -> None:
    with new_database(pg_latest) as name:
        script = written(tmp_path, f"CREATE TABLE a (i int);\n{statement};\n")
        error = failed(pg_latest, name, script, single_transaction=True)
        assert isinstance(error, UsageError)
        assert "line 2" in error.message
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'a'").fetchall() == []


def test_an_open_transaction_at_the_end_is_an_error(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as name:
        error = failed(pg_latest, name, written(tmp_path, "BEGIN;\nCREATE TABLE a (i int);\n"))
        assert "still open" in error.message


INJECTION = (
    "CREATE TABLE a (i int);\nCOPY {table} FROM stdin;\n1\nx; DROP TABLE kept;\nDROP TABLE kept;\n"
    "\\.\nDROP TABLE kept;\n"
)


@pytest.mark.parametrize("table", ["a", "missing"])
@pytest.mark.parametrize("options", [{}, {"keep_going": True}])
def test_the_rows_of_a_failed_copy_are_never_sql(
    pg_database: Database, tmp_path: Path, table: str, options: dict[str, bool]
) -> None:
    pg_database.execute("CREATE TABLE kept (i int)")
    text = INJECTION.format(table=table)
    script = written(tmp_path, text[: text.rindex("DROP")])
    error = failed(pg_database.server, pg_database.name, script, **options)
    assert "kept" in tables(pg_database)
    assert pg_database.execute("SELECT count(*) FROM a") == [(0,)]
    assert "DROP" not in str(error.details())
    if options:
        (error.context,) = error.context["failed"]
    if table == "a":
        assert (error.context["line"], error.context["row"], error.context["column"]) == (4, 2, "i")
        assert error.context["table"] == "a"
    else:
        assert error.context["line"] == 2


def test_keep_going_tells_every_failure(pg_latest: servers.Server, tmp_path: Path) -> None:
    text = "CREATE TABLE a (i int);\nx;\n" + INJECTION + "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES ('y');\n"
    with new_database(pg_latest) as name:
        fill(pg_latest, name, "CREATE TABLE kept (i int)")
        error = failed(pg_latest, name, written(tmp_path, text.format(table="a")), keep_going=True)
        assert [one["line"] for one in error.context["failed"]] == [2, 3, 6, 11]
        assert error.context["completed"] == 3
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT i FROM a").fetchall() == [(1,)]


@pytest.mark.parametrize(
    "bad", ["1, 'secret')", "NULL, 'secret')", "2, 'secret'::intt)", "2, 'secret' oops)", "3, 4, 'secret')"]
)
def test_values_of_inserts_stay_out_of_errors(pg_database: Database, tmp_path: Path, bad: str) -> None:
    pg_database.execute("CREATE TABLE s (i int PRIMARY KEY, v text CHECK (v <> 'x'))")
    inserts = "".join(f"INSERT INTO s VALUES ({i}, 'secret');\n" for i in range(10, 200))
    script = written(
        tmp_path,
        f"INSERT INTO s VALUES (1, 'secret');\nSELECT 1;\n{inserts}\n\nINSERT INTO s\n VALUES ({bad};\nSELECT 1;\n",
    )
    error = failed(pg_database.server, pg_database.name, script)
    assert error.context["line"] in (195, 196)
    assert error.context["statement"] == "INSERT INTO s VALUES"
    assert "secret" not in str(error.details())
    # Those sent together with it are not in the target, all before are.
    (count,) = pg_database.execute("SELECT count(*) FROM s")[0]
    assert count == 101


@pytest.mark.parametrize("row", ["secret\tx", "1\tsecret\textra", "1", "2\tforbidden", "1\tsecret"])
def test_values_of_copies_stay_out_of_errors(pg_database: Database, tmp_path: Path, row: str) -> None:
    pg_database.execute("CREATE TABLE s (i int PRIMARY KEY, v text CHECK (v <> 'forbidden'))")
    script = written(tmp_path, f"COPY s FROM stdin;\n1\tsecret\n{row}\n\\.\n")
    error = failed(pg_database.server, pg_database.name, script)
    assert error.context["line"] == 3
    assert error.context["table"] == "s"
    assert "secret" not in str(error.details())
    assert "forbidden" not in str(error.details())


def test_a_broken_connection(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as name:
        script = written(
            tmp_path, "CREATE TABLE a (i int);\nSELECT pg_terminate_backend(pg_backend_pid());\nSELECT 1;\n"
        )
        error = failed(pg_latest, name, script)
        assert error.context["line"] == 2
        assert "broke" in error.message
        assert "log" in error.hint


@pytest.mark.parametrize("what", ["copy", "insert"])
def test_a_server_killed_in_the_middle(server_pool: ServerPool, tmp_path: Path, what: str) -> None:
    server = server_pool.fresh("pg16")
    try:
        server.execute("CREATE TABLE a (v text)")
        row = "x" * 200
        rows = (
            f"COPY a FROM stdin;\n{(row + chr(10)) * 1000000}\\.\n"
            if what == "copy"
            else f"INSERT INTO a VALUES ('{row}');\n" * 300000
        )
        script = written(tmp_path, rows)
        killer = threading.Timer(1.0, server.kill)
        progress = Progress()
        with session_in(server, "postgres") as session, closing(ScriptSource(open_artifact(str(script)))) as source:
            killer.start()
            with pytest.raises(RestoreError) as caught:
                run_script(session, source, progress)
        killer.join()
        assert "broke" in caught.value.message
        assert "xxx" not in str(caught.value.details())
        assert caught.value.context["statement"] == ("COPY a FROM stdin" if what == "copy" else "INSERT INTO a VALUES")
    finally:
        server.stop()


def test_an_interrupt_ends_the_statement_on_the_server(pg_latest: servers.Server, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    class Sink:
        def update(self, state: Any) -> None:
            if state.done_bytes > 3_000_000:
                raise Interrupted

        def message(self, text: str) -> None:
            del text

        def finish(self) -> None:
            pass

    with new_database(pg_latest) as name:
        fill(pg_latest, name, "CREATE TABLE a (v text)")
        script = written(tmp_path, "COPY a FROM stdin;\n" + "row\n" * 2000000 + "\\.\n")
        with session_in(pg_latest, name) as session, closing(ScriptSource(open_artifact(str(script)))) as source:
            with pytest.raises(Interrupted):
                run_script(session, source, Progress(Sink()))
            deadline = time.monotonic() + 20
            with pg_latest.connect() as watcher:
                while time.monotonic() < deadline:
                    (busy,) = watcher.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND state = 'active'", (name,)
                    ).fetchone()
                    if not busy:
                        break
                    time.sleep(0.05)
            assert not busy
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM a").fetchall() == [(0,)]


# -- truncated scripts are found before anything is sent


def test_a_truncated_dump_is_found_without_a_server(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as name:
        fill(pg_latest, name, "CREATE TABLE t (a text); INSERT INTO t SELECT 'row ' || i FROM generate_series(1, 50) i")
        for version in (14, 18):
            whole = pg_dump(pg_latest, name, tmp_path / "plain.sql", "-Fp", version=18).read_bytes()
            if version == 14:
                whole = re.sub(rb"(?m)^\\(un)?restrict .*\n", b"", whole)
            footer = whole.rindex(b"-- PostgreSQL database dump complete") + len(
                b"-- PostgreSQL database dump complete"
            )
            last = footer if version == 14 else len(whole.rstrip())
            for size in [*range(60, last, 37), last - 1]:
                script = written(tmp_path, whole[:size], "cut.sql")
                with pytest.raises((CorruptArtifactError, UsageError)):
                    verify_script(open_artifact(str(script)), None, Progress())
            verify_script(open_artifact(str(written(tmp_path, whole, "cut.sql"))), None, Progress())


def tables(database: Database) -> list[str]:
    return [
        name for (name,) in database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    ]
