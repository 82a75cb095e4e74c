# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Headers of archives that are changed, read by Python's own reader and by ours."""

from __future__ import annotations

import io
import tarfile

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.physical_restore.tar_reader import TarReader, changed_header


def header_of(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime, info.uid = size, 0o600, 1_800_000_000, 999
    return info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("size", [0, 1, 8192, (1 << 33) - 1, 1 << 33, 1 << 40])
@pytest.mark.parametrize("name", ["base/5/16384.1", "PG_17_202406281/5/1"])
def test_it_is_that_of_a_file_of_that_name_and_size(name: str, size: int) -> None:
    old = header_of("base/5/INCREMENTAL.16384.1", 77)
    new = changed_header(old, name, size)
    found = tarfile.TarInfo.frombuf(new, "utf-8", "strict")
    assert (found.name, found.size) == (name, size)
    assert (found.mode, found.mtime, found.uid) == (0o600, 1_800_000_000, 999)


def test_ours_reads_it_too() -> None:
    archive = changed_header(header_of("a", 1), "whole", 3) + b"xyz".ljust(512, b"\0") + bytes(1024)
    reader = TarReader(io.BytesIO(archive), "base.tar")
    (member,) = [(one.name, one.size, reader.header, reader.read(10)) for one in reader]
    assert member == ("whole", 3, archive[:512], b"xyz")


def test_refuses_a_name_that_no_server_writes() -> None:
    with pytest.raises(CorruptArtifactError, match="longer than an archive"):
        changed_header(header_of("a", 1), "x" * 100, 1)
