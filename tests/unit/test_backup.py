# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbfleet import backup as backup_module
from dbfleet.backup import BackupRequest, BackupResult, Destination, backup
from dbfleet.boundary import job_boundary
from dbfleet.errors import (
    CorruptArtifactError,
    DbfleetError,
    JobInterrupted,
    LockedError,
    NotFoundError,
    OutOfSpaceError,
    QueryError,
    StorageError,
    UsageError,
)
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions
from dbfleet.progress import Progress, ProgressState
from dbfleet.repository import lock as lock_module
from dbfleet.repository.cluster_name import default_cluster
from dbfleet.repository.dest import read_dest_manifest
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.manifest import parse_manifest, render_manifest
from dbfleet.repository.records import Manifest
from dbfleet.repository.repository import Repository
from tests.unit.repository.samples import tree
from tests.unit.small_engine import SERVER, SHOP, SmallSource

OPTIONS = BackupOptions(connection=ConnectionOptions(), database="shop")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    # Ids have whole seconds, and a second job would wait for the next one.
    ids = (f"{number:08}T000000Z-logical" for number in itertools.count())
    monkeypatch.setattr("dbfleet.repository.place.backup_id", lambda _kind, _started: next(ids))


Job = Callable[..., BackupResult]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    """Runs a backup job with an engine of the test."""

    def run(
        destination: Destination, source: SmallSource | None = None, *, progress: Progress | None = None, **asked: Any
    ) -> BackupResult:
        used = source or SmallSource()
        monkeypatch.setattr(backup_module, "_source", lambda _options: used)
        try:
            return backup(BackupRequest(OPTIONS, destination, **asked), progress or Progress())
        finally:
            assert used.calls[-1] == "close"

    return run


@pytest.fixture(params=["repository", "dest"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    if request.param == "repository":
        return Destination(repository=str(tmp_path / "repository"), cluster="main")
    return Destination(dest=str(tmp_path / "my.dump"))


def manifests(destination: Destination) -> list[Manifest]:
    """Every backup that is there; each must be whole."""
    if destination.dest:
        found = read_dest_manifest(destination.dest)
        folders = {} if found is None else {Path(destination.dest).parent: found}
    else:
        repository = Repository(destination.repository)
        entries = list(repository.entries()) if repository.exists() else []
        folders = {Path(entry.url): entry.manifest for entry in entries}
    for folder, manifest in folders.items():
        assert [(folder / record.path).stat().st_size for record in manifest.files] == [
            record.size for record in manifest.files
        ]
    return list(folders.values())


def leftovers(destination: Destination) -> list[str]:
    """Hidden files and folders: staged ones and locks."""
    root = Path(destination.repository or Path(destination.dest).parent)
    return [str(path) for path in root.rglob(".*")]


def rewrite(destination: Destination, change: Callable[[Manifest], Manifest]) -> None:
    """Change the one manifest there, with a right checksum."""
    root = Path(destination.repository or Path(destination.dest).parent)
    (path,) = root.rglob("*manifest.json")
    path.write_bytes(render_manifest(change(parse_manifest(path.read_bytes(), name=str(path)))))


def test_a_backup(job: Job, destination: Destination) -> None:
    source = SmallSource()
    result = job(destination, source)
    assert source.calls == ["plan", "write", "close"]
    assert result.changed
    (manifest,) = manifests(destination)
    assert (manifest.database, manifest.kind, manifest.server) == ("shop", "logical", SERVER)
    assert manifest.rows == 3
    assert leftovers(destination) == []
    stored = json.loads(json.dumps(result.to_dict()))["backup"]
    assert stored["id"] == manifest.id
    assert stored["rows"] == 3
    assert list(stored["checksums"].values()) == [manifest.files[0].sha256]
    assert [table["name"] for table in stored["tables"]] == list(SHOP)
    assert os.path.exists(stored["path"])
    assert result.before == ""
    assert manifest.id in result.after
    assert result.diff == {"before": result.before, "after": result.after}


def test_backups_follow_each_other(job: Job, destination: Destination) -> None:
    first, second = job(destination), job(destination)
    assert first.changed
    assert second.changed
    assert second.before == first.after
    assert len(manifests(destination)) == (2 if destination.repository else 1)
    assert leftovers(destination) == []


@pytest.mark.parametrize(
    "error",
    [
        QueryError("the server closed the connection"),
        OutOfSpaceError("cannot write: No space left on device"),
        JobInterrupted("interrupted by SIGTERM"),
        KeyboardInterrupt(),
        ValueError("a fault of the program"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize("with_old", [False, True])
def test_a_backup_that_fails_leaves_nothing(
    job: Job, destination: Destination, error: BaseException, at: int, with_old: bool
) -> None:
    if with_old:
        job(destination)
    before = manifests(destination)
    count = 0

    def between() -> None:
        nonlocal count
        count += 1
        if count > at:
            raise error

    source = SmallSource(between=between)
    with pytest.raises(type(error)):
        job(destination, source)
    assert manifests(destination) == before
    assert leftovers(destination) == []
    if destination.dest and not with_old:
        assert os.listdir(Path(destination.dest).parent) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda contents: dataclasses.replace(contents, artifact="other.dump"),
        lambda contents: dataclasses.replace(contents, artifact=""),
        lambda contents: dataclasses.replace(
            contents, tables=tuple(dataclasses.replace(table, rows=-1) for table in contents.tables)
        ),
        lambda contents: dataclasses.replace(contents, snapshot={"lsn": float("nan")}),
        lambda contents: dataclasses.replace(contents, snapshot={"lsn": b"bytes"}),
        lambda contents: dataclasses.replace(contents, objects={"table": "three"}),
    ],
)
def test_a_backup_that_could_not_be_read_again_is_not_published(
    job: Job, destination: Destination, change: Any
) -> None:
    with pytest.raises((CorruptArtifactError, StorageError, ValueError, TypeError)):
        job(destination, SmallSource(change=change))
    assert manifests(destination) == []
    assert leftovers(destination) == []


def test_a_file_that_was_never_closed_is_not_published(job: Job, destination: Destination) -> None:
    with pytest.raises(StorageError, match="not finished"):
        job(destination, SmallSource(close_files=False))
    assert manifests(destination) == []
    assert leftovers(destination) == []


def test_the_error_that_is_told_is_the_first_one(
    job: Job, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Messages()

    def between() -> None:
        raise QueryError("the server closed the connection")

    def broken(_path: str) -> None:
        raise StorageError("cannot remove: Input/output error")

    monkeypatch.setattr("dbfleet.repository.staging.remove_tree", broken)
    with pytest.raises(QueryError, match="closed the connection"):
        job(destination, SmallSource(between=between), progress=Progress(said))
    assert any("cannot remove" in text for text in said.texts)
    assert said.finished == 1


class Messages:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.phases: list[str] = []
        self.finished = 0

    def update(self, state: ProgressState) -> None:
        if state.phase not in self.phases:
            self.phases.append(state.phase)

    def message(self, text: str) -> None:
        self.texts.append(text)

    def finish(self) -> None:
        self.finished += 1


def test_progress_and_warnings(job: Job, destination: Destination) -> None:
    said = Messages()
    progress = Progress(said)
    source = SmallSource(between=lambda: None if progress.warnings else progress.warn("collation versions differ"))
    result = job(destination, source, progress=progress)
    assert said.phases == ["planning", "reading", "publishing"]
    assert said.finished == 1
    assert said.texts == ["warning: collation versions differ"]
    assert result.backup["warnings"] == ["collation versions differ"]
    assert manifests(destination)[0].warnings == ("collation versions differ",)


def test_a_young_backup_is_enough(job: Job, destination: Destination) -> None:
    first = job(destination)
    before = tree(Path(destination.repository or Path(destination.dest).parent))
    source = SmallSource()
    result = job(destination, source, max_age=3600)
    assert not result.changed
    assert source.calls == ["plan", "close"]
    assert result.backup["id"] == first.backup["id"]
    assert result.before == result.after != ""
    assert tree(Path(destination.repository or Path(destination.dest).parent)) == before


@pytest.mark.parametrize(
    ("first", "second", "enough"),
    [
        ({"tables": ["orders"]}, {"tables": None}, False),
        ({"tables": None}, {"tables": ["orders"]}, False),
        ({"tables": ["orders"]}, {"tables": ["orders"]}, True),
        ({"tables": ["orders"]}, {"tables": ["orders", "customers"]}, False),
        ({"tables": None, "data": False}, {"tables": None, "data": None}, False),
    ],
)
def test_a_young_backup_of_another_part_is_not_enough(
    job: Job, destination: Destination, first: dict[str, object], second: dict[str, object], enough: bool
) -> None:
    assert job(destination, SmallSource(options=first)).changed
    assert job(destination, SmallSource(options=second), max_age=3600).changed is not enough


def started(offset: float) -> Callable[[Manifest], Manifest]:
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return lambda manifest: dataclasses.replace(manifest, started_at=moment.isoformat(timespec="seconds"))


@pytest.mark.parametrize("offset", [-3700, 3600 * 24])
def test_an_old_backup_and_one_from_the_future_are_not_enough(job: Job, destination: Destination, offset: int) -> None:
    job(destination)
    rewrite(destination, started(offset))
    assert job(destination, max_age=3600).changed


def test_a_damaged_backup_is_not_enough_and_does_not_stop_the_next(job: Job, destination: Destination) -> None:
    path = Path(job(destination).backup["path"])
    file = path / "shop.dump" if path.is_dir() else path
    file.write_bytes(file.read_bytes()[:-1])
    progress = Progress()
    result = job(destination, max_age=3600, progress=progress)
    assert result.changed
    assert len(progress.warnings) == 1, "told once"
    assert "bytes instead of" in result.backup["warnings"][0]
    root = Path(destination.repository or Path(destination.dest).parent)
    for manifest in root.rglob("*manifest.json"):
        manifest.write_bytes(b"{}")
    assert job(destination).changed


def test_a_backup_that_another_job_made_meanwhile_is_enough(
    job: Job, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two schedules of the same backup meet: the later one finds the lock free again and a backup there."""
    owner = backup_module.RepositoryPlace if destination.repository else backup_module.DestinationPlace
    place_check = owner.check
    first: list[BackupResult] = []

    def check(self: Any, expected: int, progress: Progress) -> None:
        place_check(self, expected, progress)
        if not first:
            first.append(BackupResult(False, {}, "", ""))
            source = backup_module._source
            first[0] = job(destination)
            monkeypatch.setattr(backup_module, "_source", source)

    monkeypatch.setattr(owner, "check", check)
    result = job(destination, max_age=3600)
    assert not result.changed
    assert result.backup["id"] == first[0].backup["id"]


@pytest.mark.parametrize("state", ["nothing", "a backup", "a damaged backup", "a leftover"])
def test_check_mode_writes_nothing_at_all(
    job: Job, destination: Destination, tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if state != "nothing":
        job(destination)
    if state == "a damaged backup":
        for path in tmp_path.rglob("*manifest.json"):
            path.write_bytes(b"")
    if state == "a leftover":
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("dbfleet.repository.staging.remove_tree", lambda _path: None)
            job(destination, SmallSource(between=interrupt))
        assert leftovers(destination)
    before = tree(tmp_path)
    source = SmallSource()
    monkeypatch.setattr(backup_module, "_source", lambda _options: source)
    result = backup(BackupRequest(OPTIONS, destination, check=True), Progress())
    assert tree(tmp_path) == before
    assert source.calls == ["plan", "close"]
    assert result.changed
    assert "a new custom backup of 3 tables" in result.after
    assert result.after.startswith(result.before)
    assert result.backup["path"].startswith(str(tmp_path))
    assert json.dumps(result.to_dict())


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("check", [False, True])
def test_too_little_space_is_known_before_anything_is_written(
    job: Job, destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    monkeypatch.setattr(LocalStorage, "free_bytes", lambda _self: 99)
    before = tree(tmp_path)
    with pytest.raises(OutOfSpaceError, match="99 bytes free, the backup may need 1000"):
        job(destination, SmallSource(estimated_bytes=1000), check=check)
    assert tree(tmp_path) == before
    progress = Progress()
    job(destination, SmallSource(estimated_bytes=900), check=check, progress=progress)
    assert "may need 900" in progress.warnings[0]
    if not check:
        monkeypatch.setattr(LocalStorage, "free_bytes", lambda _self: 1)
        with pytest.raises(OutOfSpaceError, match=f"may need {manifests(destination)[0].size}"):
            job(destination, SmallSource(estimated_bytes=1))


@pytest.mark.parametrize("check", [False, True])
def test_foreign_things_are_left_alone(job: Job, tmp_path: Path, check: bool) -> None:
    (tmp_path / "thesis").write_bytes(b"mine")
    before = tree(tmp_path)
    for asked, error in [
        (Destination(dest=str(tmp_path / "thesis")), UsageError),
        (Destination(repository=str(tmp_path / "thesis")), StorageError),
        (Destination(repository=str(tmp_path / "thesis" / "x")), StorageError),
        (Destination(dest=str(tmp_path / "missing" / "my.dump")), NotFoundError),
        (Destination(repository="gs://bucket/x"), UsageError),
    ]:
        with pytest.raises(error) as caught:
            job(asked, check=check)
        assert "thesis" in str(caught.value) or caught.value.hint
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["repository", "dest"])
def test_a_place_that_may_not_be_written(kind: str) -> None:
    """In a child that is an ordinary user, for whom the folder is somebody else's or read-only."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            try:
                if os.getuid() == 0:
                    os.setuid(65534)
                backup_module._source = lambda _options: SmallSource()  # type: ignore[assignment]
                backup(BackupRequest(OPTIONS, Destination(**{kind: f"{folder}/my"})), Progress())
                os.write(write, b"it was written")
            except StorageError as error:
                os.write(write, f"{error.kind}: {error}".encode())
            finally:
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        said = os.read(read, 10_000).decode()
        os.close(read)
        assert os.listdir(folder) == []
        assert said.startswith("storage: cannot write to ")
        assert f"permission denied on {folder} (run as a user who may write there" in said


@pytest.mark.parametrize("asked", [Destination(), Destination(repository="/a", dest="/b")])
def test_exactly_one_place(asked: Destination) -> None:
    with pytest.raises(UsageError, match="exactly one"):
        backup(BackupRequest(OPTIONS, asked), Progress())


def test_two_jobs_at_once(job: Job, destination: Destination) -> None:
    def second() -> None:
        source = backup_module._source
        with pytest.raises(LockedError, match="backup of shop, process"):
            job(destination)
        backup_module._source = source  # type: ignore[assignment]

    assert job(destination, SmallSource(between=second)).changed
    assert len(manifests(destination)) == 1


def test_a_job_that_lost_its_lock_publishes_nothing(job: Job, destination: Destination) -> None:
    def lose() -> None:
        for path in leftovers(destination):
            if ".lock-" in path:
                os.unlink(path)

    with pytest.raises(LockedError, match="taken by another job"):
        job(destination, SmallSource(between=lose))
    assert manifests(destination) == []
    assert leftovers(destination) == []


def test_a_leftover_is_swept_and_told(job: Job, destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("dbfleet.repository.staging.remove_tree", lambda _path: None)
        with pytest.raises(KeyboardInterrupt):
            job(destination, SmallSource(between=interrupt))
    assert len(leftovers(destination)) == 1
    said = Messages()
    job(destination, progress=Progress(said))
    assert any(text.startswith("swept .partial-") for text in said.texts)
    assert leftovers(destination) == []


@pytest.fixture
def start(destination: Destination) -> Iterator[Callable[[float], int]]:
    """Starts a backup in a process of its own, with a pause before every row; it is writing when this returns."""
    running: list[int] = []

    def run(pause: float) -> int:
        read, write = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            os._exit(backup_slowly(destination, pause, write))
        running.append(child)
        os.close(write)
        assert os.read(read, 1) == b"."
        os.close(read)
        return child

    yield run
    for child in running:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def backup_slowly(destination: Destination, pause: float, said: int) -> int:
    """The whole life of a child process; its exit code."""

    writing = []

    def between() -> None:
        if not writing:
            writing.append(os.write(said, b"."))
        time.sleep(pause)

    source = SmallSource(between=between)
    backup_module._source = lambda _options: source  # type: ignore[assignment]
    try:
        with job_boundary("backup"):
            backup(BackupRequest(OPTIONS, destination), Progress())
    except DbfleetError as error:
        return error.exit_code
    return 0


def test_kills_at_random_moments(job: Job, destination: Destination, start: Callable[[float], int]) -> None:
    expected = 0
    for _round in range(20):
        child = start(0.002)
        time.sleep(random.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = len(manifests(destination))
        if destination.repository:
            assert found in (expected, expected + 1)
        assert job(destination).changed
        assert all(path.endswith(".new") for path in leftovers(destination))
        expected = len(manifests(destination))
        assert expected == (found + 1 if destination.repository else 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(
    destination: Destination, start: Callable[[float], int], number: signal.Signals
) -> None:
    child = start(5.0)
    os.kill(child, number)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    assert manifests(destination) == []
    assert leftovers(destination) == []


FULL = """
from dbfleet.errors import OutOfSpaceError
from tests.unit.small_engine import SmallSource
from tests.unit.test_backup import OPTIONS
from dbfleet import backup as backup_module
from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.progress import Progress
from pathlib import Path
import sys
root = Path(sys.argv[1])
old = SmallSource()
big = SmallSource({"orders": [bytes(5000)] * 100})
for destination in (Destination(repository=str(root / "r"), cluster="main"), Destination(dest=str(root / "my.dump"))):
    backup_module._source = lambda options: old
    backup(BackupRequest(OPTIONS, destination), Progress())
    before = {path: path.stat().st_size for path in root.rglob("*")}
    backup_module._source = lambda options: big
    try:
        backup(BackupRequest(OPTIONS, destination), Progress())
        raise SystemExit("it fits")
    except OutOfSpaceError as error:
        print(error)
    assert {path: path.stat().st_size for path in root.rglob("*")} == before
"""


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=200k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not allowed here")
    command = [*private, "sh", "-c", script, "sh", str(tmp_path), sys.executable, FULL]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("No space left on device (free space there or choose another destination)") == 2


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("db1", "db1-5432"),
        ("10.0.0.1", "10.0.0.1-5432"),
        ("", "here-5432"),
        ("localhost", "here-5432"),
        ("127.0.0.1", "here-5432"),
        ("::1", "here-5432"),
        ("/run/postgresql", "here-5432"),
        ("@abstract", "here-5432"),
    ],
)
def test_the_default_cluster(monkeypatch: pytest.MonkeyPatch, host: str, expected: str) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(nodename="here"))
    assert default_cluster(dataclasses.replace(SERVER, host=host)) == expected
