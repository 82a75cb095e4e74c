# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores of backups of our own: chains, tablespaces, timelines, delta, and what stopped in the middle."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.backup import Destination
from dbfleet.errors import ConsistencyError, DbfleetError, IdentityError, RestoreError, TargetNotEmptyError
from dbfleet.postgresql.physical_restore.marker import MARKER_NAME
from dbfleet.postgresql.physical_restore.recovery import PAUSE, SHUTDOWN, RecoveryTarget
from dbfleet.postgresql.replication.crc32c import crc32c
from dbfleet.postgresql.replication.lsn import parse_lsn
from dbfleet.postgresql.wal.segment import parse_segment
from dbfleet.repository.access import Access
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.encryption import Encryption
from tests.integration.postgresql.basebackup_support import back_up, unpack
from tests.integration.postgresql.test_wal_restore import restored
from tests.integration.postgresql.wal_archive_support import server_python
from tests.integration.postgresql.wal_restore_support import (
    CLUSTER,
    Marked,
    account,
    marked_server,
    open_folder,
    programs,
    rows_of,
    running,
)
from tests.servers import folders
from tests.servers.fixtures import POSTGRESQL, ServerPool

# What a restore makes anew, and what pg_combinebackup does.
_DIFFERENT = {"backup_manifest", "postgresql.auto.conf", "recovery.signal"}


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but WAL, by its path."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and not name.startswith("pg_wal/") and name not in _DIFFERENT:
            found[name] = path.read_bytes()
    return found


def run(name: str, program: str, *arguments: str | Path) -> None:
    """One of the server's own programs."""
    done = subprocess.run(
        [f"{programs(name)}/{program}", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def grow(marked: Marked) -> None:
    """Change much in different ways: truncate, extend, drop, create, and pages here and there."""
    number = marked.rows + 1
    marked.server.execute(
        f"CREATE TABLE grown{number} AS SELECT g, md5(g::text) FROM generate_series(1, 3000) g",
        "UPDATE load SET filler = md5(filler) WHERE id % 97 = 3",
        f"DELETE FROM load WHERE id > {5000 - 700 * number}",
        "VACUUM load",
        f"DROP TABLE IF EXISTS grown{number - 1}",
    )
    marked.mark()


def test_puts_a_chain_together_as_pg_combinebackup_does(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place, summarize_wal="on") as marked:
        tablespace = folders.own_subfolder(marked.server.folder, "fast")
        marked.server.execute(
            f"CREATE TABLESPACE fast LOCATION '{tablespace}'",
            "CREATE TABLE infast TABLESPACE fast AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g",
        )
        backups = []
        for number in range(3):
            grow(marked)
            marked.server.execute(f"UPDATE infast SET md5 = md5(md5) WHERE g < {50 * number}")
            time.sleep(1.05)
            backups.append(back_up(marked.server, marked.repository, incremental="latest" if number else ""))
        parts = [unpack(marked.server, backup, place / f"part{number}") for number, backup in enumerate(backups)]
        for part in parts:
            # pg_combinebackup takes folders with links, as pg_basebackup makes them.
            for line in (part / "tablespace_map").read_text().splitlines():
                oid, _blank, target = line.partition(" ")
                os.symlink(target, part / "pg_tblspc" / oid)
        mapping = {"tablespace_mapping": ((str(tablespace), str(place / "ours_fast")),)}
        ours = restored(marked, "", place / "ours", RecoveryTarget(immediate=True), recover=False, **mapping)
        assert ours.restore["chain"] == [backup["id"] for backup in backups]
        # The build of this version has all of the server's programs.
        options = ["-T", f"{target}={place / 'theirs_fast'}", "-o", place / "theirs", "--no-sync"]
        run(name, "pg_combinebackup", *parts, *options)
        mine, theirs = contents(place / "ours"), contents(place / "theirs")
        theirs.pop("tablespace_map", None)
        assert mine.keys() == theirs.keys()
        assert [path for path in mine if mine[path] != theirs[path]] == []
        assert contents(place / "ours_fast") == contents(place / "theirs_fast")
        run(name, "pg_verifybackup", "-n", place / "ours")
        assert rows_of(name, place / "ours", place / "s") == marked.rows


def test_lets_the_server_fetch_its_wal(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.backup()
        moment = marked.mark()
        marked.mark()
        marked.archive_wal()
        spool = place / "spool"
        spool.mkdir()
        for path in (spool, *Path(marked.repository).rglob("*"), Path(marked.repository)):
            shutil.chown(path, account())
        fetch = f"{server_python(place)} wal fetch %f %p --repository {marked.repository} --cluster {CLUSTER}"
        target = RecoveryTarget(lsn=moment.lsn)
        result = restored(marked, "", place / "data", target, restore_command=f"{fetch} --spool {spool}")
        assert not result.restore["staged"]
        assert result.restore["recovered"]["state"] == "promoted"
        assert rows_of(name, place / "data", place / "s") == moment.rows


def test_opens_what_is_encrypted(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    identity = Identity.generate()
    encryption = Encryption((identity.recipient,))
    with marked_server(name, place) as marked:
        destination = Destination(repository=marked.repository, cluster=CLUSTER, encryption=encryption)
        back_up(marked.server, marked.repository, destination=destination, compression="zstd:1")
        moment = marked.mark()
        marked.mark()
        marked.archive_wal(encryption=encryption)
        target = RecoveryTarget(time=moment.time)
        with pytest.raises(IdentityError, match="no identity is given"):
            restored(marked, "", place / "data", target)
        assert not (place / "data").exists()
        restored(marked, "", place / "data", target, access=Access(identity=identity.text))
        assert rows_of(name, place / "data", place / "s") == moment.rows


def test_follows_timelines_over_two_promotions(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.backup()
        first = marked.mark()
        lost = marked.mark()
        marked.archive_wal()
        archive = marked.archive
        rows = {1: lost.rows}
        moment = first
        for timeline in (2, 3):
            # Back to a moment, on in another way, and that into the archive.
            data = place / f"data{timeline}"
            result = restored(marked, "", data, RecoveryTarget(lsn=moment.lsn, timeline=str(timeline - 1)))
            assert result.restore["recovered"]["timeline"] == timeline
            with running(name, data, place / f"s{timeline}") as connection:
                count = connection.execute("SELECT count(*) FROM marks").fetchone()[0]
                assert count == moment.rows
                connection.execute("INSERT INTO marks SELECT g, 'new' FROM generate_series(%s, 20) g", (count + 1,))
                if timeline == 2:
                    connection.execute("DELETE FROM marks WHERE id > 12")
                rows[timeline] = connection.execute("SELECT count(*) FROM marks").fetchone()[0]
                lsn = parse_lsn(connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()[0])
                connection.execute("CREATE TABLE more ()")
                connection.execute("SELECT pg_switch_wal()")
                for path in sorted((data / "pg_wal").glob(f"{timeline:08X}*")):
                    segment = parse_segment(path.name)
                    if path.suffix == ".history" or (segment is not None and segment.start(1 << 24) < lsn):
                        archive.put(str(path))
            moment = dataclasses.replace(moment, rows=rows[timeline], lsn=lsn)
        # The latest, an older one, and what was lost on the first.
        for wanted, expected in (("latest", rows[3]), ("2", rows[2]), ("1", rows[1])):
            data = place / f"back{wanted}"
            restored(marked, "", data, RecoveryTarget(timeline=wanted))
            assert rows_of(name, data, place / f"b{wanted}") == expected, wanted
        with pytest.raises(DbfleetError, match="history of timeline 7 is not archived"):
            restored(marked, "", place / "none", RecoveryTarget(timeline="7"))


def test_delta_writes_only_what_differs(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.mark()
        marked.backup()
        data = place / "data"
        whole = restored(marked, "", data, RecoveryTarget(immediate=True))
        with running(name, data, place / "s") as connection:
            connection.execute("INSERT INTO marks SELECT g, 'x' FROM generate_series(100, 20000) g")
            connection.execute("CREATE TABLE extra AS SELECT 1")
            (data / "base" / "own").write_text("a file of nobody")
            with pytest.raises(RestoreError, match="a server runs in"):
                restored(marked, "", data, RecoveryTarget(immediate=True), delta=True)
        with pytest.raises(TargetNotEmptyError, match="is not empty"):
            restored(marked, "", data, RecoveryTarget(immediate=True))
        again = restored(marked, "", data, RecoveryTarget(immediate=True), delta=True)
        assert again.restore["delta"]
        assert again.restore["removed"] > 0
        assert again.restore["written_bytes"] < whole.restore["written_bytes"] / 2
        assert not (data / "base" / "own").exists()
        assert rows_of(name, data, place / "t") == 1
        # The folder of another cluster is none of ours.
        control = data / "global" / "pg_control"
        content = bytearray(control.read_bytes())
        content[0] ^= 1
        offset = 292
        content[offset : offset + 4] = crc32c(bytes(content[:offset])).to_bytes(4, "little")
        control.write_bytes(content)
        with pytest.raises(TargetNotEmptyError, match="another cluster"):
            restored(marked, "", data, RecoveryTarget(immediate=True), delta=True)
        assert (data / "PG_VERSION").exists()


def test_pauses_and_shuts_down_at_the_target(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.backup()
        moment = marked.mark()
        marked.mark()
        marked.archive_wal()
        for action, state in ((PAUSE, "paused"), (SHUTDOWN, "shut down")):
            target = RecoveryTarget(lsn=moment.lsn, action=action)
            result = restored(marked, "", place / action, target)
            assert result.restore["recovered"]["state"] == state
            assert result.restore["recovered"]["timeline"] == 0


def killed_in_the_middle(command: list[str], data: Path, *, files: int) -> None:
    """Run a restore, and kill it once there are so many files."""
    for _attempt in range(5):
        process = subprocess.Popen(command)
        # Leftovers are being removed at the same time.
        while process.poll() is None and sum(len(found) for _path, _folders, found in os.walk(data)) <= files:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        if process.wait():
            return
        # On a busy machine it may be over before anybody looks.
        shutil.rmtree(data)
    pytest.fail("it was always over before it could be killed")


def test_a_killed_restore_leaves_nothing_that_starts(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.mark()
        marked.backup()
        data = place / "data"
        command = [sys.executable, "-m", "dbfleet.cli", "wal", "restore", "--repository", marked.repository, "--quiet"]
        command += ["--cluster", CLUSTER, "--data-folder", str(data), "--owner", account(), "--target-immediate"]
        for share in (0.02, 0.6):
            killed_in_the_middle(command, data, files=int(900 * share))
            assert (data / MARKER_NAME).exists()
            assert not (data / "PG_VERSION").exists()
            started = subprocess.run(
                [f"{programs(name)}/postgres", "-D", str(data)], capture_output=True, check=False, timeout=30
            )
            assert started.returncode != 0
        subprocess.run(command, check=True)
        assert not (data / MARKER_NAME).exists()
        assert rows_of(name, data, place / "s") == 1


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_refuses_a_damaged_backup(damage: str, server_pool: ServerPool, place: Path) -> None:
    marked = Marked(server_pool.get(POSTGRESQL[-1]), place)
    source = Path(marked.base_backup("base"))
    base = source / "base.tar"
    if damage == "missing":
        (source / "backup_manifest").write_bytes((source / "backup_manifest").read_bytes()[:-9])
    elif damage == "truncated":
        os.truncate(base, base.stat().st_size // 2)
    else:
        with open(base, "r+b") as file:
            file.seek(base.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes((byte[0] ^ 1,)))
    with pytest.raises(DbfleetError, match="damaged|truncated|ends"):
        restored(marked, str(source), place / "data", RecoveryTarget(immediate=True), repository="", cluster="")
    assert not (place / "data" / "PG_VERSION").exists()


def test_names_a_gap_in_the_archive(server_pool: ServerPool, place: Path) -> None:
    name = POSTGRESQL[-1]
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.backup()
        segments = []
        for _number in range(3):
            marked.mark()
            switch = marked.server.execute("SELECT pg_walfile_name(pg_switch_wal())")[0][0]
            segments.append(switch)
        marked.mark()
        marked.archive_wal(without=segments[1])
        with pytest.raises(ConsistencyError, match=f"has a gap: {segments[1]} is missing"):
            restored(marked, "", place / "data", RecoveryTarget())
        assert not (place / "data").exists()


def test_passes_over_backups_that_are_known_as_bad(server_pool: ServerPool, place: Path) -> None:
    marked = Marked(server_pool.get(POSTGRESQL[-1]), place)
    good, bad, unreadable = marked.backup(), marked.backup(), marked.backup()
    physical = Path(marked.repository) / CLUSTER / "%physical"
    archive = next((physical / bad / "base").glob("base.tar*"))
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    verify = [sys.executable, "-m", "dbfleet.cli", "verify", marked.repository, "--cluster", CLUSTER, "--backup", bad]
    assert subprocess.run([*verify, "--level", "checksums"], capture_output=True, check=False).returncode
    manifest = physical / unreadable / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-100])
    command = [sys.executable, "-m", "dbfleet.cli", "wal", "restore", "--repository", marked.repository, "--check"]
    command += ["--data-folder", str(place / "data"), "--owner", account(), "--target-immediate"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"would restore {good} to" in done.stdout + done.stderr
    assert f"backup {bad} is passed over" in done.stderr
    assert unreadable in done.stderr


def test_the_command_shows_the_plan(server_pool: ServerPool, place: Path) -> None:
    marked = Marked(server_pool.get(POSTGRESQL[-1]), place)
    identity = marked.backup()
    command = [sys.executable, "-m", "dbfleet.cli", "wal", "restore", "--repository", marked.repository, "--check"]
    command += ["--data-folder", str(place / "data"), "--owner", account(), "--target-immediate"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"would restore {identity} to {place / 'data'} for {account()}" in done.stdout + done.stderr
    assert not (place / "data").exists()
