# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The archive in a repository: nothing is replaced, nothing is believed that is not what its name says."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError, CorruptArtifactError, IdentityError, NotFoundError, UsageError
from dbfleet.postgresql.wal import fetch_spool
from dbfleet.postgresql.wal.archive import WalArchive, archived_systems, only_system
from dbfleet.postgresql.wal.fetch import fetch_file
from dbfleet.postgresql.wal.fetch_job import AHEAD, ARCHIVE, NOWHERE, UNFINISHED, FetchRequest, fetch_ahead, fetch_wal
from dbfleet.postgresql.wal.push import PushRequest, push_wal
from dbfleet.postgresql.wal.quick import being_fetched, facts_of, spool_path, take_fetched, was_pushed
from dbfleet.postgresql.wal.tail import TailSource, TailWriter, read_tail, tails
from dbfleet.postgresql.wal.timelines import parse_history
from dbfleet.progress import Progress
from dbfleet.repository.access import Access
from dbfleet.repository.repository import Repository
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.encryption import Encryption

from .wal_support import SIZE, SYSTEM, filled_archive, name_of, new_archive, segment_bytes, write_segment


@pytest.mark.parametrize("compress", ["none", "gzip:1"])
def test_there_and_back(tmp_path: Path, compress: str) -> None:
    archive = new_archive(tmp_path / "r", compress=compress)
    path = write_segment(tmp_path, 5)
    assert archive.put(str(path))
    assert not archive.put(str(path))
    file = archive.find(path.name)
    assert file is not None
    assert fetch_file(archive, file, str(tmp_path / "back")) == SIZE
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    assert archived_systems(archive.storage, "shop") == [SYSTEM]
    assert only_system(archive.storage, "shop") == SYSTEM
    # A later compression makes no second copy of it.
    assert not new_archive(tmp_path / "r", compress="gzip:6").put(str(path))


def test_histories_and_notes_of_backups(tmp_path: Path) -> None:
    archive = filled_archive(tmp_path, range(3))
    for name in ("00000002.history", f"{name_of(1)}.00000028.backup"):
        (tmp_path / name).write_text("1\t0/5000\tsomebody\n")
        assert archive.put(str(tmp_path / name))
        assert not archive.put(str(tmp_path / name))
    assert archive.read_history(2) == b"1\t0/5000\tsomebody\n"
    assert archive.read_history(3) is None
    assert archive.histories() == [2]
    assert [file.name for file in archive.segments(1)] == [name_of(number) for number in range(3)]
    (tmp_path / "00000002.history").write_text("1\t0/6000\tsomebody\n")
    with pytest.raises(ConsistencyError, match="another file is archived as"):
        archive.put(str(tmp_path / "00000002.history"))


def test_what_is_not_archived(tmp_path: Path) -> None:
    archive = filled_archive(tmp_path, range(1))
    with pytest.raises(UsageError):
        archive.put(str(tmp_path / "postgresql.conf"))
    foreign = tmp_path / name_of(9)
    foreign.write_bytes(segment_bytes(foreign.name, system=SYSTEM + 1))
    with pytest.raises(CorruptArtifactError, match="not of 7000000000000000001"):
        archive.put(str(foreign))
    foreign.write_bytes(segment_bytes(foreign.name)[:-8192])
    with pytest.raises(CorruptArtifactError, match="not a whole segment"):
        archive.put(str(foreign))
    large = tmp_path / "00000001000000000000000A"
    large.write_bytes(segment_bytes(large.name, size=2 << 20))
    with pytest.raises(ConsistencyError, match="2097152 bytes of PostgreSQL 18"):
        new_archive(tmp_path / "repository").put(str(large))
    assert [file.name for file in archive.files(1)] == [name_of(0)]


@pytest.mark.parametrize("compress", ["none", "gzip:1"])
def test_a_damaged_file_is_never_handed_over(tmp_path: Path, compress: str) -> None:
    archive = new_archive(tmp_path / "r", compress=compress)
    archive.put(str(write_segment(tmp_path, 5)))
    file = archive.find(name_of(5))
    assert file is not None
    path = Path(archive.storage.url(file.path))
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole + b"x", whole[:700] + bytes([whole[700] ^ 4]) + whole[701:], b""):
        path.write_bytes(damaged)
        with pytest.raises(CorruptArtifactError):
            fetch_file(archive, file, str(tmp_path / "back"))
        assert not list(tmp_path.glob("back*"))
    path.unlink()
    with pytest.raises(NotFoundError):
        fetch_file(archive, file, str(tmp_path / "back"))


def test_a_tail_grows_and_is_read(tmp_path: Path) -> None:
    archive = filled_archive(tmp_path, range(1))
    data = segment_bytes(name_of(1))
    (place,) = [found.segment.next(SIZE) for found in archive.segments(1) if found.segment is not None]
    writer = TailWriter(archive, place, SIZE)
    writer.append(data[:8192], 1.0)
    writer.append(data[8192:700_000], 2.0)
    assert tails(archive) == [place]
    record = read_tail(archive, place)
    assert record is not None
    assert (record.size, record.end, len(record.pieces)) == (700_000, SIZE + 700_000, 1)
    with contextlib.closing(TailSource(archive, record, fill=True)) as source:
        assert b"".join(iter(lambda: source.read(9999), b"")) == data[:700_000] + bytes(SIZE - 700_000)
    # Only the pieces that count are kept.
    assert len(archive.storage.files(f"{archive.folder}/{place}.part", "")) == 2
    piece = Path(archive.storage.url(f"{archive.folder}/{place}.part/{record.pieces[0].stored}"))
    piece.write_bytes(piece.read_bytes()[:-1])
    with pytest.raises(CorruptArtifactError), contextlib.closing(TailSource(archive, record, fill=True)) as source:
        source.read(10)
    writer.remove()
    assert read_tail(archive, place) is None


def fetch(folder: Path, name: str, *, ahead: int = 0) -> tuple[str, bytes]:
    path = folder / "RECOVERYXLOG"
    path.unlink(missing_ok=True)
    request = FetchRequest(
        name=name,
        path=str(path),
        repository=str(folder / "repository"),
        cluster="shop",
        system_identifier=SYSTEM,
        ahead=ahead,
        spool=str(folder / "spool" / "wal-fetch-x"),
    )
    source = fetch_wal(request, lambda work: work()).source
    return source, path.read_bytes() if source else b""


def test_what_a_server_is_given(tmp_path: Path) -> None:
    archive = filled_archive(tmp_path, range(3))
    assert fetch(tmp_path, name_of(1)) == (ARCHIVE, segment_bytes(name_of(1)))
    assert fetch(tmp_path, name_of(3)) == (NOWHERE, b"")
    assert fetch(tmp_path, "00000002.history") == (NOWHERE, b"")
    place = archive.segments(1)[-1].segment
    assert place is not None
    TailWriter(archive, place.next(SIZE), SIZE).append(segment_bytes(name_of(3))[:20_000], 0)
    assert fetch(tmp_path, name_of(3)) == (UNFINISHED, segment_bytes(name_of(3))[:20_000].ljust(SIZE, b"\0"))
    with pytest.raises(UsageError):
        fetch(tmp_path, "../../etc/passwd")


def test_a_hole_is_not_the_end(tmp_path: Path) -> None:
    archive = filled_archive(tmp_path, range(6))
    archive.remove(archive.segments(1)[3])
    with pytest.raises(ConsistencyError, match="there is a gap in the archive"):
        fetch(tmp_path, name_of(3))
    # One that was archived from somewhere on has none: what is before it may be in the backup.
    archive.remove(archive.segments(1)[0])
    assert fetch(tmp_path, name_of(0)) == (NOWHERE, b"")


def test_an_archive_of_nothing_is_a_failure_and_not_an_end(tmp_path: Path) -> None:
    Repository(str(tmp_path / "repository")).initialise()
    with pytest.raises(NotFoundError, match="holds no archived WAL at all"):
        fetch(tmp_path, name_of(1))


def test_segments_are_fetched_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here it is the call itself that fetches them, and nobody takes them meanwhile.
    monkeypatch.setattr(fetch_spool, "IDLE_SECONDS", 0.0)
    filled_archive(tmp_path, range(8))
    spool = tmp_path / "spool" / "wal-fetch-x"
    assert fetch(tmp_path, name_of(1), ahead=4)[0] == ARCHIVE
    assert sorted(path.name[:24] for path in spool.glob("0*")) == [name_of(number) for number in (2, 3, 4, 5)]
    assert fetch(tmp_path, name_of(2), ahead=4) == (AHEAD, segment_bytes(name_of(2)))
    # A copy that was damaged is not handed over.
    (third,) = spool.glob(f"{name_of(3)}-*")
    third.write_bytes(third.read_bytes()[:-1] + b"x")
    assert fetch(tmp_path, name_of(3), ahead=4) == (ARCHIVE, segment_bytes(name_of(3)))
    assert fetch(tmp_path, name_of(7), ahead=4)[0] == ARCHIVE
    assert fetch(tmp_path, name_of(8), ahead=4) == (NOWHERE, b"")
    assert not list(spool.glob("0*"))


def test_the_quick_way_hands_over_what_was_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_spool, "IDLE_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    filled_archive(tmp_path, range(6))
    arguments = [name_of(2), "RECOVERYXLOG", "--spool", str(tmp_path / "spool"), "--cluster", "shop"]
    request = FetchRequest(
        name=name_of(1),
        path="RECOVERYXLOG",
        repository=str(tmp_path / "repository"),
        cluster="shop",
        system_identifier=SYSTEM,
        ahead=3,
        spool=spool_path("wal-fetch-", arguments),
    )
    assert take_fetched(arguments) is None
    fetch_ahead(request, SIZE)
    # Another server, or other options, are another thing.
    assert take_fetched([*arguments, "--identity-file", "x"]) is None
    assert take_fetched(arguments) == 2
    assert (tmp_path / "RECOVERYXLOG").read_bytes() == segment_bytes(name_of(2))
    assert take_fetched(arguments) is None
    os.unlink("RECOVERYXLOG")
    (third,) = Path(request.spool).glob(f"{name_of(3)}-*")
    third.write_bytes(third.read_bytes()[:-1])
    assert take_fetched([name_of(3), *arguments[1:]]) is None
    assert not Path("RECOVERYXLOG").exists()


def fetching(folder: Path, name: str, *, ahead: int) -> tuple[threading.Thread, list[str]]:
    """The process that fetches ahead as a thread, and the arguments of the calls that it does it for."""
    arguments = [name, "RECOVERYXLOG", "--spool", str(folder / "spool"), "--cluster", "shop"]
    request = FetchRequest(
        name=name,
        path="RECOVERYXLOG",
        repository=str(folder / "repository"),
        cluster="shop",
        system_identifier=SYSTEM,
        ahead=ahead,
        spool=spool_path("wal-fetch-", arguments),
    )
    thread = threading.Thread(target=fetch_ahead, args=(request, SIZE), daemon=True)
    thread.start()
    return thread, arguments


def until_fetching(arguments: list[str], name: str) -> None:
    """Until a segment is on its way or there."""
    folder = spool_path("wal-fetch-", arguments)
    deadline = time.monotonic() + 60
    while name not in (being_fetched(folder) or ()) and not list(Path(folder).glob(f"{name}-*")):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_one_process_fetches_as_long_as_the_server_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_spool, "IDLE_SECONDS", 600.0)
    monkeypatch.chdir(tmp_path)
    filled_archive(tmp_path, range(20))
    thread, arguments = fetching(tmp_path, name_of(0), ahead=3)
    until_fetching(arguments, name_of(1))
    for number in range(1, 20):
        left = take_fetched([name_of(number), *arguments[1:]])
        assert left is not None
        # Nobody need begin another one.
        assert left > 1000 or number > 16
        assert Path("RECOVERYXLOG").read_bytes() == segment_bytes(name_of(number))
        assert len(list(Path(spool_path("wal-fetch-", arguments)).glob("0*"))) <= 3
    # It ends where the log does.
    thread.join(60)
    assert not thread.is_alive()
    assert take_fetched([name_of(20), *arguments[1:]]) is None
    assert not list(tmp_path.glob("spool/*/0*"))


def test_a_recovery_elsewhere_takes_the_spool_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_spool, "IDLE_SECONDS", 600.0)
    monkeypatch.chdir(tmp_path)
    filled_archive(tmp_path, range(20))
    first, arguments = fetching(tmp_path, name_of(9), ahead=3)
    until_fetching(arguments, name_of(10))
    assert take_fetched([name_of(10), *arguments[1:]]) is not None
    second, _same = fetching(tmp_path, name_of(1), ahead=3)
    first.join(60)
    assert not first.is_alive()
    until_fetching(arguments, name_of(2))
    for number in range(2, 20):
        assert take_fetched([name_of(number), *arguments[1:]]) is not None
    second.join(60)
    assert not second.is_alive()


def test_who_clears_the_spool_ends_the_fetching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_spool, "IDLE_SECONDS", 600.0)
    monkeypatch.chdir(tmp_path)
    filled_archive(tmp_path, range(9))
    thread, arguments = fetching(tmp_path, name_of(0), ahead=3)
    until_fetching(arguments, name_of(1))
    fetch_spool.FetchSpool(spool_path("wal-fetch-", arguments)).clear()
    thread.join(60)
    assert not thread.is_alive()


def test_what_waits_is_archived_in_the_same_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wal = tmp_path / "pg_wal"
    (wal / "archive_status").mkdir(parents=True)
    for number in range(4):
        path = write_segment(wal, number)
        (wal / "archive_status" / f"{path.name}.ready").touch()
    options = ["--spool", str(tmp_path / "spool"), "--cluster", "shop"]

    def push(number: int) -> tuple[str, ...]:
        path = f"pg_wal/{name_of(number)}"
        request = PushRequest(
            path=path,
            repository=str(tmp_path / "repository"),
            cluster="shop",
            compression="none",
            system_identifier=SYSTEM,
            notes=spool_path("wal-push-", [path, *options]),
        )
        return push_wal(request, Progress()).ahead

    assert not was_pushed([f"pg_wal/{name_of(0)}", *options])
    assert push(0) == tuple(name_of(number) for number in (1, 2, 3))
    assert was_pushed([f"pg_wal/{name_of(1)}", *options])
    # A note counts once, and for that file only.
    assert not was_pushed([f"pg_wal/{name_of(1)}", *options])
    before = facts_of(f"pg_wal/{name_of(2)}")
    os.utime(f"pg_wal/{name_of(2)}", ns=(1, 1))
    assert facts_of(f"pg_wal/{name_of(2)}") != before
    assert not was_pushed([f"pg_wal/{name_of(2)}", *options])
    assert not was_pushed([f"pg_wal/{name_of(3)}", *options, "--compress", "none"])
    archive = new_archive(tmp_path / "repository")
    assert [file.name for file in archive.segments(1)] == [name_of(number) for number in range(4)]
    # Nothing was marked: that is the server's.
    assert len(list((wal / "archive_status").glob("*.ready"))) == 4


def test_another_file_that_waits_and_is_damaged_fails_its_own_call_only(tmp_path: Path) -> None:
    wal = tmp_path / "pg_wal"
    (wal / "archive_status").mkdir(parents=True)
    good, bad = write_segment(wal, 0), write_segment(wal, 1)
    bad.write_bytes(b"x" * SIZE)
    for path in (good, bad):
        (wal / "archive_status" / f"{path.name}.ready").touch()
    progress = Progress()
    request = PushRequest(
        path=str(good),
        repository=str(tmp_path / "r"),
        cluster="shop",
        system_identifier=SYSTEM,
        notes=str(tmp_path / "spool" / "notes"),
    )
    assert push_wal(request, progress).ahead == ()
    assert len(progress.warnings) == 1
    with pytest.raises(CorruptArtifactError):
        push_wal(PushRequest(str(bad), str(tmp_path / "r"), "shop", system_identifier=SYSTEM), progress)


def test_whose_files_they_are_has_to_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_segment(tmp_path, 0)
    with pytest.raises(UsageError, match="it cannot be told which server"):
        push_wal(PushRequest(str(path), str(tmp_path / "r"), "shop"), Progress())


def test_history_files() -> None:
    data = b"# told by nobody\n1\t0/5000000\tno recovery target specified\n\n2\t0/7000108\tbefore 2026\n"
    assert [(one.timeline, one.switch) for one in parse_history(data, 3, name="h")] == [(1, 0x5000000), (2, 0x7000108)]
    for damaged in (
        b"",
        b"x\t0/5\t",
        b"1\tlater\n",
        b"3\t0/5\tx\n",
        b"2\t0/9\tx\n1\t0/10\tx\n",
        b"1\t0/9\tx\n2\t0/8\tx\n",
        b"1",
    ):
        with pytest.raises(CorruptArtifactError):
            parse_history(damaged, 3, name="h")


def test_what_is_encrypted_is_opened_by_its_identity_only(tmp_path: Path) -> None:
    identity = Identity.generate()
    encryption = Encryption((identity.recipient,))
    location = str(tmp_path / "r")
    writer = WalArchive(Repository(location), "shop", SYSTEM, encryption=encryption)
    path = write_segment(tmp_path, 0)
    assert writer.put(str(path))
    assert not writer.put(str(path))
    place = writer.segments(1)[0].segment
    assert place is not None
    TailWriter(writer, place.next(SIZE), SIZE).append(segment_bytes(name_of(1))[:9000], 0)
    assert all(stored.name.endswith(".age") for stored in (tmp_path / "r").rglob("0*-*"))
    for access, opens in ((Access(), False), (Access(identity=identity.text), True)):
        archive = WalArchive(Repository(location, access), "shop", SYSTEM)
        file, tail = archive.find(path.name), read_tail(archive, place.next(SIZE))
        assert file is not None
        assert tail is not None
        if opens:
            fetch_file(archive, file, str(tmp_path / "back"))
            assert (tmp_path / "back").read_bytes() == path.read_bytes()
            assert TailSource(archive, tail, fill=False).read(10_000) == segment_bytes(name_of(1))[:9000]
            continue
        with pytest.raises(IdentityError):
            fetch_file(archive, file, str(tmp_path / "back"))
        with pytest.raises(IdentityError):
            TailSource(archive, tail, fill=False).read(1)
