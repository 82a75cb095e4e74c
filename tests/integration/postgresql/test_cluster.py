# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole servers: globals and databases as the genuine pg_dumpall sees them, restored to other servers."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, NotFoundError, UnsupportedObjectError, UsageError
from dbfleet.info import InfoRequest, info
from dbfleet.postgresql.cluster.globals_script import read_globals
from dbfleet.postgresql.cluster.source import PostgresqlClusterSource
from dbfleet.postgresql.connection import connect
from dbfleet.postgresql.options import BackupOptions, ClusterBackupOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest, restore
from tests import servers
from tests.integration.postgresql.backup_support import back_up, dumped, in_words_of, script_of
from tests.integration.postgresql.cluster_support import (
    CLUSTER,
    ODD,
    back_up_all,
    dumped_all,
    lines_of,
    restore_all,
    run_zoo,
    server_with,
)
from tests.integration.postgresql.restore_support import connection_options
from tests.servers.fixtures import POSTGRESQL, ServerPool


@pytest.fixture(params=POSTGRESQL)
def filled(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[servers.Server]:
    """A server of its own with hostile globals and databases, of each version in turn."""
    with server_with(server_pool, request.param, "globals", "databases") as server:
        yield server


def in_old_words(version: int, lines: list[str]) -> list[str]:
    """``CREATE DATABASE`` of the newest pg_dump in the words that a server of this series understands."""

    def old(line: str) -> str:
        if version < 15:
            line = line.replace(" LOCALE_PROVIDER = libc", "")
        return re.sub(r" LOCALE = ('[^']*')", r" LC_COLLATE = \1 LC_CTYPE = \1", line) if version < 13 else line

    return [old(line) if line.startswith("CREATE DATABASE ") else line for line in lines]


def test_globals_and_databases_are_what_the_genuine_tools_write(filled: servers.Server, tmp_path: Path) -> None:
    """Statement by statement, labels too; but for what pg_dumpall forgets."""
    run_zoo(filled, "labels")
    session = connect(connection_options(filled), database="postgres")
    ours = lines_of(read_globals(session).script())
    session.close()
    assert [line for line in ours if line.startswith("ALTER ROLE ALL ")] == [
        "ALTER ROLE ALL SET lock_timeout TO '61s';",
        "ALTER ROLE ALL SET \"odd.All\" TO 'a''b';",
    ]
    theirs = servers.client("pg_dumpall", version=18).run(filled, "--globals-only").stdout.decode()
    assert [line for line in ours if not line.startswith("ALTER ROLE ALL ")] == lines_of(theirs)
    for database in (ODD, "latin", "postgres", *(["built"] if filled.version[0] >= 17 else [])):
        archive, _contents, _progress = back_up(filled, database, tmp_path)
        expected = in_words_of(filled.version[0], "\n".join(dumped(filled, f"dbname={_quoted(database)}", "--create")))
        found = lines_of("\n".join(script_of(archive, "--create")))
        assert found == in_old_words(filled.version[0], lines_of(expected)), database


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", r"\\").replace("'", r"\'") + "'"


def test_a_whole_server_comes_back_on_another(filled: servers.Server, server_pool: ServerPool, tmp_path: Path) -> None:
    with filled.connect(ODD) as connection:
        connection.execute("CREATE TABLE public.held AS SELECT generate_series(1, 500) AS a")
        connection.execute('ALTER TABLE public.held OWNER TO "select"')
        connection.execute('GRANT SELECT ON public.held TO plain, "Größe 顧客"')
    with filled.connect("postgres") as connection:
        connection.execute("CREATE TABLE public.in_postgres (a integer)")
        connection.execute("INSERT INTO public.in_postgres VALUES (7)")
    repository = tmp_path / "repository"
    made = back_up_all(filled, repository)
    databases = {backup["database"] for backup in made.backups}
    assert databases >= {"", ODD, "latin", "postgres", "template1"}
    assert databases.isdisjoint({"closed", "template0"})
    assert any("'closed' is left out" in warning for warning in made.warnings)
    assert all(backup["set"] == made.set_id and backup["snapshot"]["lsn"] for backup in made.backups)
    with server_pool.fresh(filled.name) as other:
        planned = restore_all(other, repository, force=True, check=True)
        assert other.execute("SELECT count(*) FROM pg_roles WHERE rolname !~ '^pg_'") == [(1,)], "nothing was changed"
        done = restore_all(other, repository, force=True)
        assert {item["database"] for item in done.restore["databases"]} == databases - {""}
        assert done.restore["globals"]["created"] == planned.restore["globals"]["created"]
        assert dumped_all(other) == dumped_all(filled)
        setting = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = 0"
        assert other.execute(setting) == filled.execute(setting)
        again = restore_all(other, repository, globals_only=True)
        assert (again.changed, again.restore["globals"]["differing"]) == (False, {})
        with pytest.raises(UsageError, match="databases of the set exist on the server: .*'latin'"):
            restore_all(other, repository)


def test_one_database_out_of_a_set(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg16") as server:
        server.execute("CREATE DATABASE shop", "CREATE DATABASE forum")
        server.execute("CREATE TABLE orders AS SELECT 1 AS a", database="shop")
        first = back_up_all(server, tmp_path)
        server.execute("INSERT INTO orders VALUES (2)", database="shop")
        second = back_up_all(server, tmp_path)
        listed = info(InfoRequest(str(tmp_path))).to_dict()
        assert [found["id"] for found in listed["sets"]] == [first.set_id, second.set_id]
        assert all(found["databases"] == ["template1", "forum", "postgres", "shop"] for found in listed["sets"])
        for made, rows in ((first, 1), (second, 2)):
            name = f"shop_{rows}"
            options = RestoreOptions(connection=connection_options(server), database=name, create=True)
            origin = Origin(repository=str(tmp_path), database="shop", backup=made.set_id)
            restore(RestoreRequest(options, origin), Progress())
            assert server.execute("SELECT count(*) FROM orders", database=name) == [(rows,)]
        options = RestoreOptions(connection=connection_options(server), database="x", create=True)
        with pytest.raises(NotFoundError, match="holds no backup of database 'other'"):
            restore(RestoreRequest(options, Origin(str(tmp_path), database="other", backup=made.set_id)), Progress())
        with pytest.raises(UsageError, match="holds globals, not a database"):
            restore(RestoreRequest(options, Origin(str(tmp_path), backup=made.set_id)), Progress())


def test_a_set_with_a_gap(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg17") as server:
        server.execute("CREATE DATABASE shop")
        made = back_up_all(server, tmp_path)
        path = next(Path(backup["path"]) for backup in made.backups if backup["database"] == "shop")
        path.rename(tmp_path / "elsewhere")
        (found,) = info(InfoRequest(str(tmp_path))).sets
        assert found["missing"] == ["shop"]
        with pytest.raises(NotFoundError, match=f"set {made.set_id} is incomplete: the backups of 'shop' are gone"):
            restore_all(server, tmp_path)
        assert back_up_all(server, tmp_path, max_age=3600).changed, "an incomplete set is not young enough"
        path = tmp_path / "main/%globals" / made.set_id / "globals.sql"
        path.write_bytes(path.read_bytes().replace(b"CREATE ROLE postgres", b"CREATE ROLE postgrex"))
        with pytest.raises(CorruptArtifactError, match="other content"):
            restore_all(server, tmp_path, backup=made.set_id, globals_only=True)


def test_existing_roles_stay_as_they_are(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg18") as server:
        server.execute(
            "CREATE ROLE old LOGIN PASSWORD 'backed up' CONNECTION LIMIT 4 VALID UNTIL '2031-01-01 00:00:00+00'",
            "CREATE ROLE gone", "CREATE ROLE member", "CREATE ROLE same LOGIN", "GRANT gone TO member, old",
            "GRANT same TO old", "ALTER ROLE old SET work_mem TO '5MB'", "COMMENT ON ROLE old IS 'one'",
        )  # fmt: skip
        before = dumped_all(server, "--globals-only")
        back_up_all(server, tmp_path)
        server.execute(
            "ALTER ROLE old NOLOGIN PASSWORD 'other' CONNECTION LIMIT 5", "COMMENT ON ROLE old IS 'two'",
            "ALTER ROLE old SET work_mem TO '6MB'", "ALTER ROLE old SET lock_timeout TO '6s'", "REVOKE same FROM old",
            "DROP ROLE gone",
        )  # fmt: skip
        changed = dumped_all(server, "--globals-only")
        planned = restore_all(server, tmp_path, globals_only=True, check=True)
        assert dumped_all(server, "--globals-only") == changed
        done = restore_all(server, tmp_path, globals_only=True)
        for result in (planned, done):
            assert result.restore["globals"]["created"] == ["role 'gone'"]
            assert result.restore["globals"]["altered"] == {}
            assert result.restore["globals"]["differing"] == {
                "role 'old'": [
                    "CONNECTION LIMIT", "LOGIN", "PASSWORD", "comment", "setting work_mem", "membership in same",
                ],
            }  # fmt: skip
        now = dumped_all(server, "--globals-only")
        assert set(now) - set(changed) == {line for line in before if re.search(r"\bgone\b", line)}
        assert set(changed) <= set(now)
        forced = restore_all(server, tmp_path, globals_only=True, force=True)
        assert list(forced.restore["globals"]["altered"]) == ["role 'old'"]
        assert set(before) <= set(dumped_all(server, "--globals-only"))
        assert "SCRAM" not in json.dumps([planned.to_dict(), done.to_dict(), forced.to_dict()])
        assert not restore_all(server, tmp_path, globals_only=True, force=True).changed


def test_globals_of_another_version(server_pool: ServerPool, tmp_path: Path) -> None:
    """Upwards without loss; downwards only what the old server can say too."""
    with server_with(server_pool, "pg10", "globals") as old, server_with(server_pool, "pg18") as new:
        back_up_all(old, tmp_path / "old")
        restore_all(new, tmp_path / "old", globals_only=True, force=True)
        assert _attributes(new) == _attributes(old)
        again = restore_all(new, tmp_path / "old", globals_only=True)
        assert (again.changed, again.restore["globals"]["differing"]) == (False, {})
        new.execute("CREATE ROLE late", "CREATE ROLE later NOINHERIT", "GRANT late TO later, scram")
        back_up_all(new, tmp_path / "new")
        restore_all(old, tmp_path / "new", globals_only=True)
        assert _attributes(new) == _attributes(old)
        new.execute(
            "CREATE ROLE bound", "GRANT late TO bound WITH SET FALSE", "GRANT SET ON PARAMETER work_mem TO bound"
        )
        back_up_all(new, tmp_path / "new")
        before = dumped_all(old, "--globals-only")
        with pytest.raises(UnsupportedObjectError) as caught:
            restore_all(old, tmp_path / "new", globals_only=True)
        assert "before 16 cannot restrict role 'bound'" in caught.value.message
        assert "before 15 have no privileges on parameters" in caught.value.message
        assert dumped_all(old, "--globals-only") == before


def _attributes(server: servers.Server) -> list[tuple[object, ...]]:
    return server.execute(
        "SELECT r.rolname::text COLLATE \"C\", rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,"
        " rolreplication, rolbypassrls, rolconnlimit, rolpassword, rolvaliduntil::text, setconfig,"
        " (SELECT array_agg((roleid::regrole::text, admin_option)::text ORDER BY roleid::regrole::text COLLATE \"C\")"
        "  FROM pg_auth_members m WHERE m.member = r.oid)"
        " FROM pg_authid r LEFT JOIN pg_db_role_setting s ON s.setrole = r.oid AND s.setdatabase = 0"
        " WHERE r.rolname !~ '^pg_' ORDER BY 1"
    )  # fmt: skip


_MEMBERS = (
    "SELECT roleid::regrole::text, member::regrole::text, replace(grantor::regrole::text, 'boss', 'postgres'),"
    " admin_option, inherit_option, set_option FROM pg_auth_members WHERE roleid > 16383 ORDER BY 1, 2, 3"
)


@pytest.mark.parametrize(("version", "superuser"), [(16, "postgres"), (18, "boss")])
def test_globals_of_the_genuine_pg_dumpall(
    server_pool: ServerPool, tmp_path: Path, version: int, superuser: str
) -> None:
    """Also where the first superuser has another name."""
    script = tmp_path / "globals.sql"
    with server_with(server_pool, "pg16", "globals") as server, server_pool.fresh("pg16") as other:
        text = servers.client("pg_dumpall", version=version).run(server, "--globals-only").stdout
        script.write_bytes(text)
        if superuser != "postgres":
            other.execute("CREATE ROLE helper SUPERUSER LOGIN")
            with other.connect("postgres", user="helper") as connection:
                connection.execute(f"ALTER ROLE postgres RENAME TO {superuser}")
        connection_as = dataclasses.replace(connection_options(other), user=superuser)
        done = restore_all(other, source=script, globals_only=True, force=True, connection=connection_as)
        assert done.restore["set"] == ""
        others = ("postgres", "boss", "helper")
        assert [row for row in _attributes(other) if row[0] not in others] == [
            row for row in _attributes(server) if row[0] not in others
        ]
        assert other.execute(_MEMBERS) == server.execute(_MEMBERS)
        script.write_bytes(text + b"\nDROP ROLE plain;\n")
        with pytest.raises(UnsupportedObjectError, match="is no statement that globals have"):
            restore_all(server, source=script, globals_only=True)


@pytest.mark.parametrize(
    "pattern", ["shop*", "SHOP", '"Shop"', "sh?p", "shop|forum", "[sf]*", '"a.b"', '"*"', "a$b", "öl*", "s.*"]
)
def test_patterns_are_those_of_pg_dumpall(server_pool: ServerPool, pattern: str) -> None:
    server = server_pool.get("pg16")
    names = ("shop", "Shop", "shop2", "forum", "a.b", "a$b", "öl", "*")
    for name in names:
        if not server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            server.execute(f'CREATE DATABASE "{name}"')
    program = servers.client("pg_dumpall", version=18)
    done = program.run(server, "--schema-only", f"--exclude-database={pattern}", check=False)
    options = ClusterBackupOptions(
        each=BackupOptions(connection=connection_options(server), database=""), exclude_databases=(pattern,)
    )
    try:
        if done.returncode:
            with pytest.raises(UsageError):
                PostgresqlClusterSource(options)
            return
        created = {
            name.replace('""', '"') for name in re.findall(r'(?m)^CREATE DATABASE "?(.+?)"? WITH', done.stdout.decode())
        }
        planned = set(PostgresqlClusterSource(options).plan().databases)
        assert planned & set(names) == created & set(names)
    finally:
        for name in names:
            server.execute(f'DROP DATABASE IF EXISTS "{name}"')


def test_databases_that_cannot_be_read_are_told(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg18") as server:
        server.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false", "CREATE DATABASE broken")
        server.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'")
        made = back_up_all(server, tmp_path, check=True)
        assert [backup["database"] for backup in made.backups] == ["", "template1", "postgres"]
        assert list(tmp_path.iterdir()) == []
        warnings = "\n".join(made.warnings)
        assert "'closed' is left out: it allows no connections" in warnings
        assert "'broken' is left out: a DROP DATABASE of it was interrupted" in warnings
        assert len(made.warnings) == 2, CLUSTER
