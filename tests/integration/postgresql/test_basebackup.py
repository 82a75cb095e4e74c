# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Physical backups of real servers: whole, consistent, verified, and nothing left behind."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from dbfleet.backup import Destination
from dbfleet.errors import ConnectError, CorruptArtifactError, PrivilegeError, UsageError, VerificationError
from dbfleet.physical_backup import backup_physical
from dbfleet.postgresql.replication.backup_manifest import parse_backup_manifest
from dbfleet.postgresql.replication.page_recheck import still_damaged
from dbfleet.progress import Progress
from dbfleet.repository.access import Access
from dbfleet.restore import Origin
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.encryption import Encryption
from dbfleet.verify import ALL, VerifyRequest, verify
from tests import servers
from tests.integration.postgresql.basebackup_support import (
    CLUSTER,
    back_up,
    checked,
    connection_of,
    program_of,
    request_of,
    unpack,
    writing,
)
from tests.servers import folders
from tests.servers.fixtures import Database, ServerPool


def verified(repository: Path, access: Access | None = None) -> None:
    origin = Origin(repository=str(repository), backup=ALL, access=access or Access())
    for verdict in verify(VerifyRequest(origin), Progress()).verifications:
        assert verdict["passed"]


@pytest.fixture
def tablespace(pg_database: Database) -> str:
    """The name of a tablespace with a table in the test's database."""
    server, name = pg_database.server, f"space_{pg_database.name}"
    folder = server.folder / name
    folder.mkdir()
    folders.give_to_server(folder)
    server.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
    pg_database.execute(f"CREATE TABLE aside TABLESPACE {name} AS SELECT generate_series(1, 1000) AS n")
    return name


def test_backup_under_load_is_consistent(
    pg_database: Database, tablespace: str, tmp_path: Path, server_pool: ServerPool
) -> None:
    server = pg_database.server
    with writing(server, pg_database.name):
        backup = back_up(server, tmp_path / "repository", label="it's the 'one'")
    pg_database.execute("DROP TABLE aside")
    server.execute(f"DROP TABLESPACE {tablespace}")
    assert server.execute("SELECT count(*) FROM pg_replication_slots") == [(0,)]
    assert [one["oid"] for one in backup["options"]["tablespaces"]]
    assert backup["options"]["checksums"] is True
    verified(tmp_path / "repository")

    folder = unpack(server, backup, tmp_path / "data")
    genuine = program_of(server, "pg_verifybackup")
    if genuine is not None:
        for one in backup["options"]["tablespaces"]:
            shutil.copytree(tmp_path / f"data_{one['oid']}", folder / "pg_tblspc" / str(one["oid"]))
        # Reading the log takes another program; the tablespaces are not where they were.
        subprocess.run([genuine, "--no-parse-wal", "--ignore=tablespace_map", folder], check=True)
        for one in backup["options"]["tablespaces"]:
            shutil.rmtree(folder / "pg_tblspc" / str(one["oid"]))
    (folder / "backup_manifest").unlink()
    with server_pool.fresh(server.name, data=folder) as restored:
        sums = "SELECT count(*), sum(amount) FROM account"
        assert restored.execute(sums, database=pg_database.name) == [(5000, 500000)]
        assert restored.execute("SELECT count(*) FROM aside", database=pg_database.name) == [(1000,)]


def test_own_manifest_is_as_the_servers(server_pool: ServerPool, tmp_path: Path) -> None:
    """Before 13 we write it: of the same files, in the same form."""
    found = {}
    for name in ("pg12", "pg13"):
        backup = back_up(server_pool.get(name), tmp_path / name)
        manifest = parse_backup_manifest((Path(backup["path"]) / "base/backup_manifest").read_bytes())
        assert manifest.version == 1
        assert {file.algorithm for file in manifest.files} == {"SHA256"}
        assert len(manifest.wal_ranges) == 1
        found[name] = {file.path for file in manifest.files if not file.path.startswith(("base/", "global/"))}
    assert found["pg12"] ^ found["pg13"] <= {"pg_logical/replorigin_checkpoint", "global/config_exec_params"}


@pytest.mark.parametrize("name", ["pg10", "pg18"])
@pytest.mark.parametrize("errors", ["fail", "warn"])
def test_damaged_page_is_named(server_pool: ServerPool, tmp_path: Path, name: str, errors: str) -> None:
    with server_pool.fresh(name) as server:
        server.execute(
            "CREATE TABLE hurt AS SELECT n, repeat('x', 500) AS x FROM generate_series(1, 1000) n", "CHECKPOINT"
        )
        ((path,),) = server.execute("SELECT pg_relation_filepath('hurt')")
        with (server.data_dir / path).open("r+b") as file:
            file.seek(7 * 8192 + 5000)
            file.write(b"damage")
        seen = {path: [3, 7], "base/1/999999": [0]}
        found = still_damaged(connection_of(server), seen, written_before=1 << 60)
        assert found == {path: [7]}
        progress = Progress()
        name = "table public.hurt of database postgres"
        if errors == "fail":
            with pytest.raises(CorruptArtifactError, match=rf"{path}.*block 7.*\({name}\)") as caught:
                back_up(server, tmp_path / "repository", progress=progress)
            assert "checksum_errors" in caught.value.hint
            assert not list((tmp_path / "repository").glob("*/*/*-physical"))
        else:
            back_up(server, tmp_path / "repository", progress=progress, checksum_errors=errors)
            assert progress.warnings == [f"a damaged page is in the backup: {path}, block 7 ({name})"]
            with pytest.raises(VerificationError, match=f"{path}, block 7"):
                verified(tmp_path / "repository")


@pytest.mark.parametrize("name", ["pg11", "pg18"])
def test_from_a_standby(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    with server_pool.fresh(name, extra_config={"full_page_writes": "on"}) as primary:
        primary.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n")
        settings = {"full_page_writes": "on"}
        with servers.start_standby(primary, extra_config=settings) as standby, writing(primary, "postgres"):
            deadline = time.monotonic() + 30
            while standby.execute("SELECT to_regclass('account')")[0][0] is None:
                assert time.monotonic() < deadline, "the standby does not follow"
                time.sleep(0.05)
            backup = back_up(standby, tmp_path / "repository")
        assert backup["options"]["from_standby"] is True
        verified(tmp_path / "repository")
        folder = unpack(primary, backup, tmp_path / "data")
        for file in ("standby.signal", "recovery.conf", "backup_manifest"):
            (folder / file).unlink(missing_ok=True)
        settings = {"primary_conninfo": ""} if name == "pg18" else {}
        with server_pool.fresh(name, data=folder, extra_config=settings) as restored:
            assert restored.execute("SELECT count(*), sum(amount) FROM account") == [(5000, 500000)]


def test_encrypted_and_uncompressed(pg_latest: servers.Server, tmp_path: Path) -> None:
    identity = Identity.generate()
    destination = Destination(
        repository=str(tmp_path / "repository"), cluster=CLUSTER, encryption=Encryption((identity.recipient,))
    )
    backup = back_up(pg_latest, "", destination=destination, compression="none")
    assert set(backup["checksums"]) >= {"base/base.tar.age", "base/pg_wal.tar.age", "base/backup_manifest.age"}
    verified(tmp_path / "repository", Access(identity=identity.text))


@pytest.mark.parametrize(("name", "method"), [("pg14", "gzip"), ("pg18", "none")])
def test_what_pg_basebackup_made_is_accepted(server_pool: ServerPool, tmp_path: Path, name: str, method: str) -> None:
    server = server_pool.get(name)
    program = program_of(server, "pg_basebackup")
    assert program is not None
    compression = ["--gzip"] if method == "gzip" else []
    arguments = ["--format=tar", "--checkpoint=fast", f"--pgdata={tmp_path / 'theirs'}", *compression]
    subprocess.run([program, *arguments], env={**os.environ, **server.env()}, check=True)
    request = VerifyRequest(Origin(source=str(tmp_path / "theirs")))
    assert verify(request, Progress()).verifications[0]["passed"]
    if method == "none":
        with (tmp_path / "theirs/base.tar").open("r+b") as file:
            file.seek(-200_000, os.SEEK_END)
            file.write(b"damage")
        with pytest.raises(VerificationError, match="is damaged"):
            verify(request, Progress())


@pytest.mark.parametrize(("name", "compression"), [("pg15", "lz4"), ("pg18", "zstd:1"), ("pg18", "gzip:1")])
def test_compressed_by_the_server(server_pool: ServerPool, tmp_path: Path, name: str, compression: str) -> None:
    backup = back_up(server_pool.get(name), tmp_path, compression=compression, server_compression=True)
    suffix = {"lz4": "lz4", "zstd:1": "zst", "gzip:1": "gz"}[compression]
    assert set(backup["checksums"]) >= {f"base/base.tar.{suffix}", f"base/pg_wal.tar.{suffix}"}
    assert backup["size"] < 10 << 20
    verified(tmp_path)


def test_old_servers_do_not_compress(server_pool: ServerPool, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="PostgreSQL 14 does not compress"):
        back_up(server_pool.get("pg14"), tmp_path, server_compression=True)


def test_check_mode_and_max_age(pg_latest: servers.Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    request = request_of(pg_latest, repository)
    result = backup_physical(checked(request), Progress())
    assert result.changed
    ((size,),) = pg_latest.execute("SELECT sum(pg_database_size(oid)) FROM pg_database")
    assert result.to_dict()["backup"]["estimated_size"] >= int(size) // 2 > 0
    assert not repository.exists()
    made = back_up(pg_latest, repository)
    young = dataclasses.replace(request, backup=dataclasses.replace(request.backup, max_age=3600.0))
    again = backup_physical(young, Progress()).to_dict()
    assert again["changed"] is False
    assert again["backup"]["id"] == made["id"]
    # Another name in the catalogue than any database's, so nothing of it is offered to a restore of a database.
    assert sorted(path.name for path in (repository / CLUSTER).iterdir()) == ["%physical"]


def test_refusals(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg18", extra_config={"max_wal_senders": "1"}) as server:
        with pytest.raises(ConnectError, match="max_wal_senders") as caught:
            back_up(server, tmp_path / "repository")
        assert "max_wal_senders" in caught.value.hint
        server.execute("CREATE ROLE clerk LOGIN")
        with pytest.raises(PrivilegeError, match="REPLICATION") as privilege:
            back_up(server, tmp_path / "repository", user="clerk")
        assert "REPLICATION" in privilege.value.hint
        with pytest.raises(UsageError, match="dest"):
            back_up(server, "", destination=Destination(dest=str(tmp_path / "file")))
    assert not list(tmp_path.rglob("*-physical"))
    assert os.listdir(tmp_path) in ([], ["repository"])
