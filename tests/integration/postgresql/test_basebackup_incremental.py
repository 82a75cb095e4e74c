# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Incremental physical backups: chains that the genuine programs accept, and that nothing breaks."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from dbfleet.copies import CopyRequest, copy
from dbfleet.errors import CorruptArtifactError, NotFoundError, UsageError
from dbfleet.physical_backup import backup_physical
from dbfleet.progress import Progress
from dbfleet.prune import PruneRequest, prune
from dbfleet.repository import place
from dbfleet.repository.layout import PHYSICAL_NAME
from dbfleet.repository.marks import Verification, add_verification
from dbfleet.repository.repository import Repository
from dbfleet.repository.retention import RetentionPolicy
from dbfleet.repository.storage import Storage
from dbfleet.restore import Origin
from dbfleet.verify import ALL, VerifyRequest, verify
from tests import servers
from tests.integration.postgresql.basebackup_support import (
    CLUSTER,
    back_up,
    checked,
    program_of,
    request_of,
    unpack,
)
from tests.servers.fixtures import ServerPool

SUMMARIES = {"summarize_wal": "on"}


def fill(server: servers.Server) -> None:
    server.execute("CREATE TABLE t AS SELECT n, repeat('x', 100) AS x FROM generate_series(1, 20000) n")


def room_asked_for(
    server: servers.Server, repository: Path, monkeypatch: pytest.MonkeyPatch, *, incremental: str
) -> int:
    """How many bytes the next backup expects to need, before it is made."""
    asked: list[int] = []
    genuine = place.check_free_space

    def noted(storage: Storage, expected_bytes: int, progress: Progress) -> None:
        asked.append(expected_bytes)
        genuine(storage, expected_bytes, progress)

    with monkeypatch.context() as patch:
        patch.setattr(place, "check_free_space", noted)
        backup_physical(checked(request_of(server, repository, incremental=incremental)), Progress())
    (size,) = asked
    return size


@pytest.mark.parametrize(("name", "changes"), [("pg17", 1), ("pg18", 2)])
def test_chain_as_the_genuine_programs_see_it(
    server_pool: ServerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, changes: int
) -> None:
    repository = tmp_path / "repository"
    with server_pool.fresh(name, extra_config=SUMMARIES) as server:
        fill(server)
        chain = [back_up(server, repository)]
        for number in range(1, changes + 1):
            server.execute(f"UPDATE t SET x = '{number}' WHERE n % 1000 = {number}")
            chain.append(back_up(server, repository, incremental="latest"))
        assert [one["options"]["incremental"] for one in chain] == ["", *(one["id"] for one in chain[:-1])]
        assert chain[-1]["size"] < chain[0]["size"] / 2
        beside = back_up(server, repository, incremental=chain[0]["id"])
        assert beside["options"]["incremental"] == chain[0]["id"]
        for wanted, alike in (("", chain[0]), ("latest", beside)):
            assert room_asked_for(server, repository, monkeypatch, incremental=wanted) == alike["size"]
        state = server.execute("SELECT md5(string_agg(t::text, ',' ORDER BY n)) FROM t")
        data = [unpack(server, one, tmp_path / f"data{number}") for number, one in enumerate(chain)]
        verify_program, combine = program_of(server, "pg_verifybackup"), program_of(server, "pg_combinebackup")
        assert verify_program is not None
        assert combine is not None
        for folder in data:
            subprocess.run([verify_program, "--no-parse-wal", folder], check=True)
        subprocess.run([combine, "-o", tmp_path / "combined", *data], check=True)
        subprocess.run(["chown", "-R", f"--reference={server.data_dir}", tmp_path / "combined"], check=True)
        (tmp_path / "combined/backup_manifest").unlink()
        with server_pool.fresh(name, data=tmp_path / "combined") as restored:
            assert restored.execute("SELECT md5(string_agg(t::text, ',' ORDER BY n)) FROM t") == state
    origin = Origin(repository=str(repository), backup=ALL)
    assert len(verify(VerifyRequest(origin), Progress()).verifications) == changes + 2


def test_refusals(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg18") as server:
        back_up(server, tmp_path / "repository")
        with pytest.raises(UsageError, match="summarize") as caught:
            back_up(server, tmp_path / "repository", incremental="latest")
        assert "summarize_wal" in caught.value.hint
    with server_pool.fresh("pg18", extra_config=SUMMARIES) as server:
        with pytest.raises(NotFoundError, match="not a dbfleet repository"):
            back_up(server, tmp_path / "nothing", incremental="latest")
        fill(server)
        first = back_up(server, tmp_path / "own")
        ((path,),) = server.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
        back_up(server, tmp_path / "own", incremental="latest")
        for summary in Path(path).glob("pg_wal/summaries/*"):
            summary.unlink()
        server.execute("INSERT INTO t VALUES (0)")
        with pytest.raises(Exception, match="summar") as missing:
            back_up(server, tmp_path / "own", incremental=first["id"])
        assert "full backup" in str(missing.value)
    old = server_pool.get("pg16")
    back_up(old, tmp_path / "old")
    with pytest.raises(UsageError, match="PostgreSQL 16 makes no incremental"):
        back_up(old, tmp_path / "old", incremental="latest")


def test_chains_stay_whole(server_pool: ServerPool, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    with server_pool.fresh("pg18", extra_config=SUMMARIES) as server:
        ids = [back_up(server, repository)["id"]]
        ids.append(back_up(server, repository, incremental="latest")["id"])
        ids.append(back_up(server, repository, incremental="latest")["id"])
        ids.append(back_up(server, repository)["id"])
        ids.append(back_up(server, repository, incremental="latest")["id"])

        wanted = CopyRequest(location=str(repository), copy_to=str(tmp_path / "second"), backup=ids[2])
        assert [one["id"] for one in copy(wanted, Progress()).copies] == ids[:3]

        rule = PruneRequest(location=str(repository), policy=RetentionPolicy(last=3), check=True)
        kept = {one["id"]: one["reasons"] for one in prune(rule, Progress()).kept}
        assert sorted(kept) == ids
        assert kept[ids[0]] == [f"{ids[1]} builds on it"]
        result = prune(dataclasses.replace(rule, policy=RetentionPolicy(last=1), check=False), Progress())
        assert [one["id"] for one in result.removed] == ids[2::-1]

        # What builds on a bad backup is bad, and nothing more is built on it.
        opened = Repository(str(repository))
        entry = opened.entry(CLUSTER, PHYSICAL_NAME, ids[3])
        assert entry is not None
        verdict = Verification("checksums", "2026-11-22T00:00:00+00:00", False, ("damaged",), "0.1.0", 1.0)
        add_verification(opened.storage, entry.folder, verdict)
        with pytest.raises(NotFoundError):
            back_up(server, repository, incremental="latest")
        newest = back_up(server, repository)["id"]
        result = prune(dataclasses.replace(rule, policy=RetentionPolicy(last=1), check=False), Progress())
        assert [one["id"] for one in result.kept] == [newest]

        # Without what it builds on, one is worth nothing, and is neither copied nor built on.
        orphan = back_up(server, repository, incremental="latest")["id"]
        shutil.rmtree(repository / CLUSTER / "%physical" / newest)
        with pytest.raises(CorruptArtifactError, match=f"{orphan} builds on {newest}"):
            copy(dataclasses.replace(wanted, backup=orphan), Progress())
        with pytest.raises(CorruptArtifactError, match=f"{orphan} builds on {newest}"):
            back_up(server, repository, incremental=orphan)
