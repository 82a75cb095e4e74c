# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Physical backups, the archive and a restore through the module."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import OutOfSpaceError
from dbfleet.postgresql.physical_restore.recovery import RecoveryTarget
from tests.integration.playbooks import Playbooks
from tests.integration.postgresql.test_wal_restore import restored
from tests.integration.postgresql.wal_restore_support import (
    CLUSTER,
    Marked,
    account,
    marked_server,
    open_folder,
    programs,
    rows_of,
)
from tests.servers.fixtures import POSTGRESQL, ServerPool

MODULE = "dbfleet.backup.wal_pitr"
NAME = POSTGRESQL[-1]


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def test_through_the_module(server_pool: ServerPool, playbooks: Playbooks, place: Path) -> None:
    server_pool.get(NAME)
    with marked_server(NAME, place) as marked:
        server = marked.server
        login = {"login_unix_socket": server.socket, "login_port": server.port, "login_user": server.user}
        common = {"repository": marked.repository, "cluster": CLUSTER}
        marked.mark()
        (first,) = playbooks.play({MODULE: {**login, **common, "state": "backup", "checkpoint": "fast"}}).results
        assert first["changed"], first
        moment = marked.mark()
        marked.mark()
        data = place / "data"
        wanted = {
            **common,
            "state": "restored",
            "data_folder": str(data),
            "owner": account(),
            "disable_archiving": True,
        }
        target = {"target_time": moment.time.isoformat(), "recover": True, "server_programs": programs(NAME)}
        archived, plan, back, again, wrong = playbooks.play(
            {MODULE: {**login, **common, "state": "archived"}},
            {MODULE: {**wanted, **target}, "check_mode": True, "diff": True},
            {MODULE: {**wanted, **target}},
            {MODULE: {**wanted, **target}},
            {MODULE: {**wanted, "slot": "x"}},
        ).results
        assert archived["changed"], archived
        assert plan["changed"], plan
        assert plan["restore"]["recovered"] is None
        assert plan["restore"]["window"].startswith("from 0/")
        assert "recovery up to time" in plan["diff"]["after"]
        assert back["backup"]["id"] == first["backup"]["id"], back
        assert back["restore"]["recovered"]["state"] == "promoted"
        assert again["failed"]
        assert again["error"]["kind"] == "target_not_empty"
        assert "slot means nothing to the state restored" in wrong["msg"]
        assert rows_of(NAME, data, place / "s") == moment.rows


def test_a_disk_that_fills_up(server_pool: ServerPool, place: Path) -> None:
    marked = Marked(server_pool.get(NAME), place)
    marked.backup()
    disk = place / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", disk], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with pytest.raises(OutOfSpaceError, match="are free"):
            restored(marked, "", disk / "data", RecoveryTarget(immediate=True))
        assert not (disk / "data").exists()
        # Enough by the sizes of the files, until somebody else fills it.
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        (disk / "other").write_bytes(bytes(190 << 20))
        (disk / "data").mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("dbfleet.wal_restore_plan.check_free_bytes", lambda _needed, **_words: None)
            with pytest.raises(OutOfSpaceError, match="No space left"):
                restored(marked, "", disk / "data", RecoveryTarget(immediate=True))
        assert not (disk / "data" / "PG_VERSION").exists()
        (disk / "other").unlink()
        restored(marked, "", disk / "data", RecoveryTarget(immediate=True))
        assert (disk / "data" / "PG_VERSION").exists()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
