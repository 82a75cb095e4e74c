# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets that must fail, whole or not at all: missing rights, changes in the middle, full disks, killed jobs."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbfleet import backup as backup_module
from dbfleet.errors import (
    ConsistencyError,
    DbfleetError,
    LockedError,
    NotFoundError,
    PrivilegeError,
    RestoreError,
    StorageError,
)
from dbfleet.info import InfoRequest, info
from dbfleet.postgresql.options import ConnectionOptions, RestoreOptions
from dbfleet.progress import Progress, ProgressState
from dbfleet.repository.repository import Repository
from dbfleet.restore import Origin, RestoreRequest, restore
from tests import servers
from tests.integration.postgresql.cluster_support import CLUSTER, back_up_all, restore_all
from tests.integration.postgresql.restore_support import connection_options
from tests.servers.fixtures import ServerPool

DATABASES = ("aaa", "mmm", "zzz")


class At:
    """A progress sink that does something once, when an item is reached."""

    def __init__(self, item: str, act: Callable[[], object]) -> None:
        self._item = item
        self._act: Callable[[], object] | None = act

    def update(self, state: ProgressState) -> None:
        if state.item.startswith(self._item) and self._act is not None:
            act, self._act = self._act, None
            act()

    def message(self, text: str) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Nothing to do."""


@pytest.fixture
def server(server_pool: ServerPool) -> Iterator[servers.Server]:
    """A server of its own with three databases, each with a table."""
    with server_pool.fresh("pg18") as started:
        for name in DATABASES:
            started.execute(f"CREATE DATABASE {name}")
            started.execute("CREATE TABLE t AS SELECT generate_series(1, 10) AS a", database=name)
        yield started


def published(repository: Path) -> list[str]:
    """Every backup that can be seen, by database and id; and no hidden file beside them."""
    if not repository.exists():
        return []
    return [f"{entry.manifest.database}/{entry.manifest.id}" for entry in Repository(str(repository)).entries()]


def hidden(repository: Path) -> list[Path]:
    return [path for path in repository.rglob(".*") if not path.name.endswith(".new")]


def test_a_database_that_goes_away(server: servers.Server, tmp_path: Path) -> None:
    """The others were written by then; nothing of them may be seen."""
    sink = At("mmm: public.t", lambda: server.execute("DROP DATABASE zzz"))
    with pytest.raises(NotFoundError, match="'zzz'"):
        back_up_all(server, tmp_path, progress=Progress(sink))
    assert (published(tmp_path), hidden(tmp_path)) == ([], [])


def test_a_table_that_may_not_be_read(server: servers.Server, tmp_path: Path) -> None:
    """Known before anything is written, with the database's name."""
    server.execute(
        "CREATE ROLE reader LOGIN", "GRANT pg_read_all_data TO reader", "GRANT SELECT ON pg_authid TO reader"
    )
    server.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY", database="mmm")
    connection = dataclasses.replace(connection_options(server), user="reader")
    with pytest.raises(PrivilegeError, match=r"database 'mmm': row security would hide rows of public\.t") as caught:
        back_up_all(server, tmp_path / "repository", connection=connection)
    assert caught.value.context["database"] == "mmm"
    assert not (tmp_path / "repository").exists()


def test_passwords_that_may_not_be_read(server: servers.Server, tmp_path: Path) -> None:
    server.execute("CREATE ROLE reader LOGIN PASSWORD 'x'", "GRANT pg_read_all_data TO reader")
    connection = dataclasses.replace(connection_options(server), user="reader")
    # A member of pg_read_all_data may read pg_authid; somebody else may not.
    assert (
        _script(back_up_all(server, tmp_path / "all", connection=connection).set_id, tmp_path / "all").count("SCRAM")
        == 2
    )
    server.execute("REVOKE pg_read_all_data FROM reader")
    for name in (*DATABASES, "postgres", "template1"):
        server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database=name)
    with pytest.raises(PrivilegeError, match="user 'reader' may not read pg_authid") as caught:
        back_up_all(server, tmp_path / "none", connection=connection)
    assert "no_role_passwords" in caught.value.hint
    assert not (tmp_path / "none").exists()
    made = back_up_all(server, tmp_path / "some", connection=connection, role_passwords=False)
    script = _script(made.set_id, tmp_path / "some")
    assert "SCRAM" not in script
    assert "CREATE ROLE reader;\nALTER ROLE reader WITH NOSUPERUSER INHERIT" in script
    # What the backup does not know is not said to differ, nor taken away.
    again = restore_all(server, tmp_path / "some", globals_only=True, force=True)
    assert not again.changed
    assert server.execute("SELECT count(rolpassword) FROM pg_authid WHERE rolname IN ('reader', 'postgres')") == [(2,)]


def _script(set_id: str, repository: Path) -> str:
    return (repository / CLUSTER / "%globals" / set_id / "globals.sql").read_text()


def test_globals_that_change_in_the_middle(server: servers.Server, tmp_path: Path) -> None:
    """What is added is in the set, with what the databases need of it; what goes away fails it."""
    server.execute("CREATE ROLE old", "CREATE ROLE renamed")

    def add() -> None:
        server.execute("CREATE ROLE new", "ALTER ROLE old LOGIN")
        server.execute("ALTER TABLE t OWNER TO new", database="zzz")

    made = back_up_all(server, tmp_path, progress=Progress(At("aaa: public.t", add)))
    script = _script(made.set_id, tmp_path)
    assert "CREATE ROLE new;" in script
    assert "ALTER ROLE old WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN" in script
    before = published(tmp_path)

    def take_away() -> None:
        server.execute("DROP ROLE old", "ALTER ROLE renamed RENAME TO other")

    with pytest.raises(ConsistencyError, match="went away.*: role 'old', role 'renamed'"):
        back_up_all(server, tmp_path, progress=Progress(At("aaa: public.t", take_away)))
    assert (published(tmp_path), hidden(tmp_path)) == (before, [])


@pytest.mark.parametrize("number", range(6))
def test_a_publication_that_fails_takes_the_others_back(
    server: servers.Server, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = backup_module.StagedBackup.publish, []

    def publish(self: backup_module.StagedBackup) -> None:
        calls.append(self)
        if len(calls) == number + 1:
            raise StorageError("the storage is gone")
        original(self)

    monkeypatch.setattr(backup_module.StagedBackup, "publish", publish)
    with pytest.raises(StorageError, match="the storage is gone"):
        back_up_all(server, tmp_path)
    assert (published(tmp_path), hidden(tmp_path)) == ([], [])
    monkeypatch.undo()
    assert len(published(tmp_path)) == 0
    back_up_all(server, tmp_path)
    assert len(published(tmp_path)) == len(DATABASES) + 3


_KILLED = """
import os, signal, sys
from dbfleet import backup
from dbfleet.cli.main import main
where, number = sys.argv[1], int(sys.argv[2])
calls = []
def killing(original):
    def call(*args, **kwargs):
        calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)
    return call
if where == "publish":
    backup.StagedBackup.publish = killing(backup.StagedBackup.publish)
else:
    from dbfleet.postgresql.dump import PostgresqlBackupSource
    PostgresqlBackupSource.write = killing(PostgresqlBackupSource.write)
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(("where", "number"), [("write", 1), ("write", 4), *(("publish", n) for n in range(1, 7))])
def test_a_killed_job_leaves_no_half_set(server: servers.Server, tmp_path: Path, where: str, number: int) -> None:
    repository = tmp_path / "repository"
    words = ["backup", "postgresql", "--host", server.socket, "--port", str(server.port), "--user", server.user]
    words += ["--all-databases", "--repository", str(repository), "--cluster", CLUSTER]
    done = subprocess.run([sys.executable, "-c", _KILLED, where, str(number), *words], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = info(InfoRequest(str(repository)))
    assert left.sets == ()
    assert all(backup["kind"] == "logical" for backup in left.backups)
    assert len(left.backups) == (number - 1 if where == "publish" else 0)
    for backup in left.backups:
        # What was published before is a whole single backup.
        if backup["database"] in DATABASES:
            options = RestoreOptions(
                connection=connection_options(server), database=f"{backup['database']}_copy", create=True
            )
            restore(RestoreRequest(options, Origin(str(repository), CLUSTER, backup["database"])), Progress())
            assert server.execute("SELECT count(*) FROM t", database=options.database) == [(10,)]
            server.execute(f"DROP DATABASE {options.database}")
    with pytest.raises(NotFoundError, match="holds no backup 'latest'"):
        restore_all(server, repository, globals_only=True)
    made = back_up_all(server, repository)
    assert hidden(repository) == []
    assert [found["missing"] for found in info(InfoRequest(str(repository))).sets] == [[]]
    assert made.set_id


def test_a_database_that_is_being_backed_up_stops_the_set(server: servers.Server, tmp_path: Path) -> None:
    with Repository(str(tmp_path)).lock(CLUSTER, "mmm", purpose="test"):
        with pytest.raises(LockedError):
            back_up_all(server, tmp_path)
        assert published(tmp_path) == []
    back_up_all(server, tmp_path)


def test_a_restore_that_fails_says_what_was_done(
    server: servers.Server, server_pool: ServerPool, tmp_path: Path
) -> None:
    server.execute("CREATE ROLE someone")
    server.execute("ALTER TABLE t OWNER TO someone", database="zzz")
    server.execute("CREATE EXTENSION hstore", database="mmm")
    back_up_all(server, tmp_path)
    with server_pool.fresh("pg18") as other:
        # Found out after the globals, before the first database.
        other.execute("CREATE TABLE in_the_way (a integer)")
        with pytest.raises(RestoreError, match="is not empty") as caught:
            restore_all(other, tmp_path)
        assert caught.value.context["done"] == ["globals"]
        assert caught.value.context["failed"] == []
        assert len(caught.value.context["not_begun"]) == len(DATABASES) + 2
        assert other.execute("SELECT count(*) FROM pg_database") == [(3,)]
        other.execute("DROP TABLE in_the_way")
        # Found out by the server only.
        other.execute(
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$",
            "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()",
            database="template1",
        )
        with pytest.raises(DbfleetError):
            restore_all(other, tmp_path)
        other.execute("DROP EVENT TRIGGER refuse", "DROP FUNCTION refuse", database="template1")
        restore_all(other, tmp_path)
        assert other.execute("SELECT tableowner FROM pg_tables WHERE tablename = 't'", database="zzz") == [("someone",)]


def test_the_rights_for_globals_are_checked_before_the_first_change(server: servers.Server, tmp_path: Path) -> None:
    server.execute(
        "CREATE ROLE admin LOGIN CREATEROLE", "CREATE ROLE strong SUPERUSER", "CREATE ROLE weak",
        "SET allow_in_place_tablespaces = on", "CREATE TABLESPACE fast LOCATION ''",
    )  # fmt: skip
    back_up_all(server, tmp_path)
    server.execute("DROP ROLE strong", "DROP ROLE weak", "DROP TABLESPACE fast")
    admin = dataclasses.replace(connection_options(server), user="admin")
    with pytest.raises(PrivilegeError) as caught:
        restore_all(server, tmp_path, globals_only=True, connection=admin)
    assert "may not give role 'strong' SUPERUSER" in caught.value.message
    assert "may not restore tablespaces" in caught.value.message
    assert server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'weak'") == []
    user = ConnectionOptions(unix_socket=server.socket, port=server.port, user="nobody_there")
    with pytest.raises(DbfleetError):
        restore_all(server, tmp_path, globals_only=True, connection=user)
    assert os.listdir(tmp_path)
