# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, OutOfSpaceError, StorageError
from dbfleet.streams.file import FileSink, FileSource, storage_error, sync_folder


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        sink = FileSink(str(tmp_path / "file"))
        sink.write(b"secret")
        sink.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_bytes_of_every_kind_are_written_in_order(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "file"))
    for piece in (b"one", bytearray(b" two"), memoryview(b"- three -")[1:7], b"", memoryview(b"")):
        sink.write(piece)
    assert sink.size == 13
    sink.close()
    sink.close()
    assert (tmp_path / "file").read_bytes() == b"one two three"


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(StorageError, match="File exists"):
        FileSink(str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("target", ["elsewhere", "missing"])
def test_nothing_is_written_through_a_link(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / "file").symlink_to(tmp_path / target)
    with pytest.raises(StorageError):
        FileSink(str(tmp_path / "file"))
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert not (tmp_path / "missing").exists()


def test_patches_stay_inside_what_was_written(tmp_path: Path) -> None:
    sink = FileSink(str(tmp_path / "file"))
    sink.write(b"0123456789")
    sink.patch(0, b"AB")
    sink.patch(8, memoryview(b"YZ"))
    sink.patch(10, b"")
    for offset, data in [(9, b"..."), (-1, b"."), (10, b"."), (1 << 40, b".")]:
        with pytest.raises(StorageError, match="outside"):
            sink.patch(offset, data)
    sink.write(b"!")
    sink.close()
    assert (tmp_path / "file").read_bytes() == b"AB234567YZ!"


def test_a_closed_or_aborted_sink_takes_nothing(tmp_path: Path) -> None:
    for name, end in [("closed", FileSink.close), ("aborted", FileSink.abort)]:
        sink = FileSink(str(tmp_path / name))
        sink.write(b"x")
        end(sink)
        with pytest.raises(StorageError):
            sink.write(b"y")
        sink.abort()
        assert (tmp_path / name).read_bytes() == b"x"


def test_no_descriptor_is_left_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _mode: int) -> None:
        raise PermissionError(errno.EPERM, "not on this file system")

    before = set(os.listdir("/proc/self/fd"))
    FileSink(str(tmp_path / "aborted")).abort()
    FileSource(str(tmp_path / "aborted")).close()
    with pytest.raises(StorageError):
        FileSource(str(tmp_path))
    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(StorageError):
        FileSink(str(tmp_path / "file"))
    assert set(os.listdir("/proc/self/fd")) == before


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, pwrite = os.write, os.pwrite
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:1], offset))
    sink = FileSink(str(tmp_path / "file"))
    sink.write(b"0123456789")
    sink.patch(2, b"abc")
    sink.close()
    assert (tmp_path / "file").read_bytes() == b"01abc56789"
    assert sink.size == 10


def test_a_sync_that_fails_fails_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int) -> None:
        raise OSError(errno.EIO, "broken disk")

    sink = FileSink(str(tmp_path / "file"))
    sink.write(b"x")
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StorageError, match=r"cannot sync .*file: Input/output error"):
        sink.close()


FULL_DISK = """
import sys
import threading
from dbfleet.errors import OutOfSpaceError
from dbfleet.streams.file import FileSink
sink = FileSink(sys.argv[1])
try:
    for _ in range(100):
        sink.write(bytes(8192))
except OutOfSpaceError as error:
    sink.abort()
    print(error, sink.size)
"""


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$2" -c "$3" "$1/file"'
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*private, "true"], capture_output=True, check=False).returncode:
        pytest.skip("mount namespaces are not allowed here")
    command = [*private, "sh", "-c", script, "sh", str(tmp_path), sys.executable, FULL_DISK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"cannot write {tmp_path}/file: No space left on device (free space there" in done.stdout


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.ENOSPC, OutOfSpaceError, "free space"),
        (errno.EDQUOT, OutOfSpaceError, "free space"),
        (errno.EACCES, StorageError, "who may write"),
        (errno.EROFS, StorageError, "who may write"),
        (errno.EIO, StorageError, ""),
    ],
)
def test_operating_system_errors_become_ours(number: int, kind: type[StorageError], hint: str) -> None:
    error = storage_error("write", "/backups/x", OSError(number, "text"))
    assert error.__class__ is kind
    assert error.message == f"cannot write /backups/x: {os.strerror(number)}"
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)
    assert error.context == {"path": "/backups/x"}
    assert "odd" in storage_error("write", "/x", OSError("odd")).message


def test_a_source_reads_seeks_and_tells(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    source = FileSource(str(tmp_path / "file"))
    assert source.read(4) == b"0123"
    assert source.tell() == 4
    source.seek(8)
    assert source.read(10) == b"89"
    assert source.read(10) == b""
    source.seek(100)
    assert source.read(1) == b""
    source.close()


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file"):
        FileSource(str(tmp_path / "file"))


@pytest.mark.timeout(5)
def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "loop", "folder", "pipe"):
        with pytest.raises(StorageError, match=f"{name} is .*not a regular file"):
            FileSource(str(tmp_path / name))
    with pytest.raises(StorageError):
        FileSource("/dev/null")


def test_folders_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_folder(str(tmp_path))
    with pytest.raises(StorageError, match="cannot open"):
        sync_folder(str(tmp_path / "missing"))
    for number, fails in [(errno.EINVAL, False), (errno.EIO, True)]:

        def refuse(_descriptor: int, number: int = number) -> None:
            raise OSError(number, "refused")

        monkeypatch.setattr(os, "fsync", refuse)
        if fails:
            with pytest.raises(StorageError, match="cannot sync"):
                sync_folder(str(tmp_path))
        else:
            sync_folder(str(tmp_path))


def test_what_is_large_is_synced_while_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = threading.Event()
    real = os.fdatasync

    def watched(descriptor: int) -> None:
        real(descriptor)
        synced.set()

    monkeypatch.setattr(os, "fdatasync", watched)
    sink = FileSink(str(tmp_path / "file"))
    sink.write(bytes(40 << 20))
    assert synced.wait(60)
    sink.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "dbfleet-sync"]


def test_data_that_was_lost_while_more_was_written_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = threading.Event()

    def fail(_descriptor: int) -> None:
        called.set()
        raise OSError(errno.EIO, "lost")

    monkeypatch.setattr(os, "fdatasync", fail)
    sink = FileSink(str(tmp_path / "file"))
    sink.write(bytes(40 << 20))
    assert called.wait(60)
    with pytest.raises(StorageError, match="cannot sync"):
        sink.close()
    with pytest.raises(StorageError):
        sink.write(b"more")
