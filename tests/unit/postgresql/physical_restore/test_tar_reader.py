# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import tarfile

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.physical_restore.tar_reader import FILE, FOLDER, LINK, TarReader


def archive(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname, info.mode = len(content), kind, link, 0o640
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(data: bytes) -> list[tuple[str, str, bytes]]:
    reader = TarReader(io.BytesIO(data), "base.tar")
    return [(member.name, member.kind, b"".join(reader.data())) for member in reader]


def test_reads_files_folders_and_links() -> None:
    data = archive(("backup_label", b"label"), ("base/1/1259", b"x" * 8192))
    assert read(data) == [("backup_label", FILE, b"label"), ("base/1/1259", FILE, b"x" * 8192)]
    assert read(archive(("pg_wal/", b""), kind=tarfile.DIRTYPE)) == [("pg_wal", FOLDER, b"")]
    link = TarReader(io.BytesIO(archive(("pg_tblspc/16384", b""), kind=tarfile.SYMTYPE, link="/srv/x")), "base.tar")
    member = next(iter(link))
    assert (member.kind, member.target) == (LINK, "/srv/x")


def test_passes_over_what_is_not_read() -> None:
    reader = TarReader(io.BytesIO(archive(("a", b"1" * 5000), ("b", b"2"))), "base.tar")
    assert [member.name for member in reader] == ["a", "b"]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../b", "a//b", "/", "./", "a/./b", "..", "a/.."])
def test_refuses_names_that_lead_elsewhere(name: str) -> None:
    with pytest.raises(CorruptArtifactError, match="leads out of the backup"):
        read(archive((name, b"")))


@pytest.mark.parametrize(
    "kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"x", b"g", b"L"]
)
def test_refuses_what_no_server_sends(kind: bytes) -> None:
    with pytest.raises(CorruptArtifactError, match="neither a file"):
        read(archive(("a", b""), kind=kind, link="b"))


def test_notices_every_cut() -> None:
    data = archive(("a", b"1" * 700), ("b", b"2"))
    for size in (0, 100, 511, 512, 600, 1300, 1536, 2048, 2560):
        with pytest.raises(CorruptArtifactError, match="it ends"):
            read(data[:size])


def test_notices_damaged_headers_and_what_is_behind_the_end() -> None:
    data = bytearray(archive(("a", b"1")))
    for position in (0, 100, 124, 148, 156, 257):
        damaged = bytearray(data)
        damaged[position] ^= 1
        with pytest.raises(CorruptArtifactError):
            read(bytes(damaged))
    with pytest.raises(CorruptArtifactError, match="behind its end"):
        read(bytes(data) + b"x")


def test_knows_sizes_beyond_eight_gigabytes() -> None:
    info = tarfile.TarInfo("big")
    info.size = 9 << 30
    reader = TarReader(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT).replace(b"ustar  \0", b"ustar\x0000")), "base.tar")
    # The sum in the header is of other bytes now; a server writes it right.
    with pytest.raises(CorruptArtifactError, match="header"):
        next(iter(reader))
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT).replace(b"ustar  \0", b"ustar\x0000"))
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    assert next(iter(TarReader(io.BytesIO(bytes(header)), "base.tar"))).size == 9 << 30
