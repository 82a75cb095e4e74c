# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Synthetic full backups: as pg_combinebackup makes them, and as good as any other backup."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.backup import Destination
from dbfleet.drill import Drill
from dbfleet.errors import CorruptArtifactError, IdentityError, NotFoundError, OutOfSpaceError
from dbfleet.physical_combine import CombineRequest, CombineResult, combine_backups
from dbfleet.postgresql.physical_restore.recovery import RecoveryTarget
from dbfleet.progress import Progress
from dbfleet.prune import PruneRequest, prune
from dbfleet.repository.access import Access
from dbfleet.repository.retention import RetentionPolicy
from dbfleet.restore import Origin
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.encryption import Encryption
from dbfleet.verify import VerifyRequest, verify
from tests.integration.postgresql.basebackup_support import back_up, program_of, unpack
from tests.integration.postgresql.test_wal_restore import restored
from tests.integration.postgresql.test_wal_restore_chain import contents, grow
from tests.integration.postgresql.wal_restore_support import (
    CLUSTER,
    Marked,
    marked_server,
    open_folder,
    programs,
    rows_of,
)
from tests.servers import folders
from tests.servers.fixtures import ServerPool

#: Those that know incremental backups, whose builds have pg_combinebackup.
VERSIONS = ["pg17", "pg18"]


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def combined(repository: str, **more: object) -> CombineResult:
    request = CombineRequest(repository, **{"scratch_folder": "/var/tmp", **more})  # type: ignore[arg-type]
    return combine_backups(request, Progress())


def chain_of(marked: Marked, count: int, **options: object) -> list[dict[str, object]]:
    backups = []
    for number in range(count):
        grow(marked)
        backups.append(back_up(marked.server, marked.repository, incremental="latest" if number else "", **options))
    return backups


def with_links(part: Path) -> Path:
    """A folder as pg_basebackup makes it, which is what pg_combinebackup takes."""
    for line in (part / "tablespace_map").read_text().splitlines():
        oid, _blank, target = line.partition(" ")
        os.symlink(target, part / "pg_tblspc" / oid)
    return part


def run(marked: Marked, program: str, *arguments: str | Path) -> None:
    path = program_of(marked.server, program)
    assert path is not None, f"the build has no {program}"
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", VERSIONS)
def test_is_what_pg_combinebackup_makes(name: str, server_pool: ServerPool, place: Path) -> None:
    server_pool.get(name)
    with marked_server(name, place, summarize_wal="on") as marked:
        tablespace = folders.own_subfolder(marked.server.folder, "fast")
        marked.server.execute(
            f"CREATE TABLESPACE fast LOCATION '{tablespace}'",
            "CREATE TABLE infast TABLESPACE fast AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g",
        )
        backups = chain_of(marked, 3)
        planned = combined(marked.repository, check=True)
        assert (planned.changed, list(planned.combined)) == (True, [one["id"] for one in backups])
        assert planned.before != planned.after
        result = combined(marked.repository)
        assert (result.changed, result.combined) == (True, planned.combined)
        made = dict(result.backup)
        assert made["options"]["incremental"] == ""
        assert made["options"]["combined"] == list(result.combined)
        assert made["snapshot"] == backups[-1]["snapshot"]
        assert made["finished_at"] == backups[-1]["finished_at"]
        again = combined(marked.repository)
        assert (again.changed, again.backup["id"], again.combined) == (False, made["id"], ())
        # Asked for by its name, the incremental one has a full one beside it now.
        assert combined(marked.repository, backup=backups[-1]["id"]).backup["id"] == made["id"]

        parts = [with_links(unpack(marked.server, one, place / f"part{n}")) for n, one in enumerate(backups)]
        ours = unpack(marked.server, made, place / "ours")
        mapping = (ours / "tablespace_map").read_text().split()
        last = (parts[-1] / "tablespace_map").read_text().split()
        run(
            marked,
            "pg_combinebackup",
            *parts,
            "-T",
            f"{last[1]}={place / 'theirs_fast'}",
            "-o",
            place / "theirs",
            "--no-sync",
        )
        mine, theirs = contents(ours), contents(place / "theirs")
        mine.pop("tablespace_map"), theirs.pop("tablespace_map", None)
        assert mine.keys() == theirs.keys()
        assert [path for path in mine if mine[path] != theirs[path]] == []
        assert contents(Path(mapping[1])) == contents(place / "theirs_fast")
        with_links(ours)
        # The test had the tablespace go elsewhere when it unpacked the backup.
        run(marked, "pg_verifybackup", "-n", "-i", "tablespace_map", ours)

        if name != VERSIONS[-1]:
            return
        # As good as any other: verified at every level, built upon, restored, and the chain may go.
        for level in ("checksums", "structure", "restore"):
            drill = Drill(None, server_programs=programs(name)) if level == "restore" else None
            origin = Origin(repository=marked.repository, backup=made["id"])
            (found,) = verify(VerifyRequest(origin, level=level, drill=drill), Progress()).verifications
            assert (found["id"], found["passed"]) == (made["id"], True)
        grow(marked)
        newer = back_up(marked.server, marked.repository, incremental="latest")
        assert newer["options"]["incremental"] == made["id"]
        kept = prune(PruneRequest(marked.repository, RetentionPolicy(last=2)), Progress())
        assert {one["id"] for one in kept.removed} == {one["id"] for one in backups}
        mapped = {"tablespace_mapping": ((str(tablespace), str(place / "restored_fast")),)}
        back = restored(marked, "", place / "data", RecoveryTarget(immediate=True), **mapped)
        assert back.restore["chain"] == [made["id"], newer["id"]]
        assert rows_of(name, place / "data", place / "s") == marked.rows


def test_what_was_encrypted_stays_so(server_pool: ServerPool, place: Path) -> None:
    name = VERSIONS[-1]
    server_pool.get(name)
    identity = Identity.generate()
    encryption = Encryption((identity.recipient,))
    with marked_server(name, place, summarize_wal="on") as marked:
        access = Access(identity=identity.text)
        destination = Destination(repository=marked.repository, cluster=CLUSTER, encryption=encryption, access=access)
        chain_of(marked, 2, destination=destination, compression="zstd:1")
        with pytest.raises(IdentityError, match="no identity is given"):
            combined(marked.repository)
        made = combined(marked.repository, access=access).backup
        assert (made["encryption"], made["recipients"]) == ("age", [identity.recipient.text])
        assert made["compression"] == "zstd:1"
        stored = {path.name for path in (Path(made["path"]) / "base").iterdir()}
        assert stored == {"base.tar.zst.age", "pg_wal.tar.zst.age", "backup_manifest.age"}
        back = restored(marked, "", place / "data", RecoveryTarget(immediate=True), access=access)
        assert back.restore["chain"] == [made["id"]]
        assert rows_of(name, place / "data", place / "s") == marked.rows


def test_refuses_what_cannot_be_put_together(
    server_pool: ServerPool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = VERSIONS[-1]
    server_pool.get(name)
    with marked_server(name, place, summarize_wal="on") as marked:
        full, incremental = chain_of(marked, 2)
        with pytest.raises(NotFoundError, match="holds no physical backup of the cluster 'other'"):
            combined(marked.repository, cluster="other")
        unchanged = combined(marked.repository, backup=full["id"])
        assert (unchanged.changed, unchanged.backup["id"]) == (False, full["id"])
        command = [sys.executable, "-m", "dbfleet.cli", "wal", "combine", "--repository", marked.repository]
        done = subprocess.run([*command, "--check"], capture_output=True, text=True, check=True)
        assert f"would put {full['id']} + {incremental['id']} together" in done.stdout + done.stderr
        there = sorted(path.name for path in Path(str(full["path"])).parent.iterdir() if path.is_dir())
        with monkeypatch.context() as patched:
            patched.setattr(os, "statvfs", lambda _path: os.statvfs_result((4096, 4096, 1, 1, 1, 1, 1, 1, 0, 255)))
            with pytest.raises(OutOfSpaceError, match="putting the backups together needs"):
                combined(marked.repository)
        archive = Path(str(full["path"])) / "base" / "base.tar.gz"
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 1
        archive.write_bytes(content)
        scratch = place / "scratch"
        scratch.mkdir()
        with pytest.raises(CorruptArtifactError):
            combined(marked.repository, scratch_folder=str(scratch))
        assert sorted(path.name for path in Path(str(full["path"])).parent.iterdir() if path.is_dir()) == there
        assert not list(scratch.iterdir())
