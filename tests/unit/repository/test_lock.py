# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dbfleet.errors import LockedError, StorageError
from dbfleet.repository import lock as lock_module
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.lock import STALE_SECONDS, RepositoryLock
from dbfleet.repository.lock_owner import LockOwner

TOKEN = "0123456789abcdef" * 2
NAME = f".lock-{TOKEN}"


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "PATIENCE_SECONDS", 0.05)


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(str(tmp_path))


def new_lock(storage: LocalStorage) -> RepositoryLock:
    return RepositoryLock(storage, "db/shop/.lock", purpose="backup of shop")


def leave_behind(storage: LocalStorage, owner: LockOwner | bytes, *, silent: float = 0.0, name: str = NAME) -> Path:
    """A lock file of somebody else, last touched ``silent`` seconds ago."""
    content = owner if isinstance(owner, bytes) else owner.render()
    storage.write_small(f"db/shop/{name}", content)
    path = Path(storage.url(f"db/shop/{name}"))
    moment = time.time() - silent
    os.utime(path, (moment, moment))
    return path


def here(**changes: object) -> LockOwner:
    return dataclasses.replace(LockOwner.current("backup of shop"), **changes)


def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def lock_files(storage: LocalStorage) -> list[str]:
    return storage.files("db/shop", "")


def test_a_lock_is_there_while_it_is_held(storage: LocalStorage) -> None:
    with new_lock(storage) as lock:
        assert len(lock_files(storage)) == 1
        assert Path(storage.url(f"db/shop/{lock_files(storage)[0]}")).stat().st_mode & 0o777 == 0o600
        lock.check()
    assert lock_files(storage) == []


def test_a_lock_is_released_when_the_job_fails(storage: LocalStorage) -> None:
    with pytest.raises(KeyboardInterrupt), new_lock(storage):
        raise KeyboardInterrupt
    assert lock_files(storage) == []
    assert threading.active_count() == 1 or "dbfleet-lock" not in {thread.name for thread in threading.enumerate()}


def test_a_live_lock_is_respected_and_described(storage: LocalStorage) -> None:
    with new_lock(storage), pytest.raises(LockedError, match=f"backup of shop, process {os.getpid()} on") as caught:
        new_lock(storage).__enter__()
    assert caught.value.hint
    assert caught.value.context["owner"]["pid"] == os.getpid()
    assert lock_files(storage) == []


def test_a_lock_released_meanwhile_is_had_without_an_error(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "PATIENCE_SECONDS", 5.0)
    first = new_lock(storage)
    first.__enter__()
    threading.Timer(0.05, first.__exit__).start()
    with new_lock(storage):
        pass


def test_locks_of_different_databases_do_not_meet(storage: LocalStorage) -> None:
    with (
        new_lock(storage),
        RepositoryLock(storage, "db/shop2/.lock", purpose="x"),
        RepositoryLock(storage, "db/shop/.lock2", purpose="x"),
    ):
        pass


@pytest.mark.parametrize(
    "owner",
    [
        here(pid=dead_pid()),
        here(pid=1 << 30),
        here(pid=0),
        here(pid=-1),
        here(pid=10**30),
        here(process_start="1"),
        here(boot="another boot", machine="m"),
    ],
    ids=["dead", "no such pid", "0", "-1", "huge", "the number was given to another", "before the last boot"],
)
def test_the_lock_of_a_dead_process_is_taken_at_once(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, owner: LockOwner
) -> None:
    monkeypatch.setattr("dbfleet.repository.lock_owner._machine_id", lambda: "m")
    path = leave_behind(storage, owner)
    with new_lock(storage):
        assert not path.exists(), "its owner must find out, should it only have been asleep"


UNKNOWN = [
    here(host="another-host", pid=dead_pid()),
    here(boot="another boot", machine="another machine"),
    here(boot="another boot", machine=""),
    here(boot="", pid=dead_pid()),
    here(namespace="pid:[1]", pid=dead_pid()),
    here(namespace="", pid=dead_pid()),
    b"",
    b"{",
    b"[1]",
    b'{"pid": 1}',
    b"\xff\x00",
    b"[" * 4000,
    b"x" * 5000,
]
UNKNOWN_IDS = ["host", "clone", "no machine id", "no boot id", "container", "no namespace", *map(str, range(7))]


@pytest.mark.parametrize("owner", UNKNOWN, ids=UNKNOWN_IDS)
def test_an_owner_that_nobody_can_look_at_is_judged_by_its_heartbeat(
    storage: LocalStorage, owner: LockOwner | bytes
) -> None:
    path = leave_behind(storage, owner, silent=STALE_SECONDS - 30)
    with pytest.raises(LockedError):
        new_lock(storage).__enter__()
    assert path.exists()
    leave_behind(storage, owner, silent=STALE_SECONDS + 30)
    with new_lock(storage):
        assert not path.exists()


def test_a_live_process_keeps_its_lock_however_long_it_sleeps(storage: LocalStorage) -> None:
    leave_behind(storage, here(), silent=STALE_SECONDS * 100)
    with pytest.raises(LockedError):
        new_lock(storage).__enter__()


def test_only_the_storage_s_clock_counts(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other host's clock, or this one's, may be hours off."""
    leave_behind(storage, here(host="another-host"), silent=0)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    with pytest.raises(LockedError):
        new_lock(storage).__enter__()


def test_a_lock_that_was_taken_is_noticed_before_publishing(storage: LocalStorage) -> None:
    with new_lock(storage) as asleep:
        Path(storage.url(f"db/shop/{lock_files(storage)[0]}")).unlink()
        with new_lock(storage) as taken:
            with pytest.raises(LockedError, match="taken by another job"):
                asleep.check()
            taken.check()
    assert lock_files(storage) == []


def test_a_heartbeat_touches_the_file_and_never_makes_one(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.01)
    with new_lock(storage) as lock:
        path = Path(storage.url(f"db/shop/{lock_files(storage)[0]}"))
        os.utime(path, (1, 1))
        wait_until(lambda: path.stat().st_mtime > 1)
        lock.check()
        path.unlink()
        time.sleep(0.05)
        assert not path.exists()
        path.write_bytes(b"")
        with pytest.raises(LockedError):
            lock.check()


def test_a_storage_that_fails_for_a_while_does_not_end_the_heartbeat(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_SECONDS", 0.01)
    touch, calls = LocalStorage.touch, []

    def sometimes(self: LocalStorage, path: str) -> bool:
        calls.append(path)
        if len(calls) < 3:
            raise StorageError("cannot touch: Stale file handle")
        return touch(self, path)

    monkeypatch.setattr(LocalStorage, "touch", sometimes)
    with new_lock(storage) as lock:
        wait_until(lambda: len(calls) > 4)
        lock.check()


def test_a_lock_that_cannot_be_stored_is_an_error(storage: LocalStorage, tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"a file where the folder should be")
    with pytest.raises(StorageError, match="a file of that name is there"):
        new_lock(storage).__enter__()


def test_unfinished_lock_files_go_when_nobody_can_be_writing_them(storage: LocalStorage) -> None:
    old = leave_behind(storage, b"", silent=STALE_SECONDS + 30, name=f"{NAME}.01234567.new")
    young = leave_behind(storage, b"", name=f"{NAME}.89abcdef.new")
    foreign = leave_behind(storage, b"", silent=STALE_SECONDS + 30, name=".lock-of-somebody")
    with new_lock(storage):
        assert not old.exists()
        assert young.exists()
        assert foreign.exists()


def wait_until(condition: object, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


RACER = """
import os, random, sys, time
from dbfleet.errors import LockedError
from dbfleet.repository import lock as lock_module
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.lock import RepositoryLock

os.fsync = lambda descriptor: None
lock_module.PATIENCE_SECONDS = 0.3
root, rounds = sys.argv[1], int(sys.argv[2])
inside = os.path.join(root, "inside")

def hold():
    with RepositoryLock(LocalStorage(root), "db/.lock", purpose="race") as lock:
        descriptor = os.open(inside, os.O_CREAT | os.O_EXCL)  # fails if another one is inside
        time.sleep(random.uniform(0, 0.002))
        lock.check()
        os.close(descriptor)
        os.unlink(inside)
        if random.random() < 0.3:
            os._exit(7)  # dies with the lock held

had = 0
for _ in range(rounds):
    child = os.fork()
    if not child:
        try:
            hold()
        except LockedError:
            os._exit(3)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 1:
        sys.exit("two had the lock")
    had += status in (0, 7)
print(had)
"""


def test_racing_processes_that_also_die_never_have_the_lock_together(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", RACER, str(tmp_path), "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _index in range(4)
    ]
    ends = [racer.communicate(timeout=120) for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4, ends
    assert sum(int(out) for out, _err in ends) > 120, "and mostly one of them gets it"


def test_an_owner_survives_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = LockOwner.current("backup of 'shöp'\n")
    assert LockOwner.parse(owner.render()) == owner
    assert owner.is_alive()
    assert owner.boot
    assert owner.namespace
    monkeypatch.setattr("dbfleet.repository.lock_owner._first_line", lambda _path: "")
    monkeypatch.setattr("dbfleet.repository.lock_owner._pid_namespace", lambda: "")
    assert LockOwner.current("x").is_alive() is None, "a system that tells nothing leaves the heartbeat"
    assert "machine-id" not in owner.render().decode()
