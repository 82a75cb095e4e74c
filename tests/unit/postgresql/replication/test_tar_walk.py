# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk is compared with Python's own tarfile, which reads and writes the same form."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.replication.tar_walk import END, Member, TarWalk, file_header, padding_of


class _Taken:
    def __init__(self) -> None:
        self.members: list[Member] = []
        self.contents: list[bytes] = []

    def begin(self, member: Member) -> _Taken | None:
        self.members.append(member)
        if member.kind != "file":
            return None
        self.contents.append(b"")
        return self

    def update(self, data: memoryview) -> None:
        self.contents[-1] += bytes(data)

    def finish(self) -> None:
        self.contents[-1] += b"|"


def archive(contents: list[bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folder = tarfile.TarInfo("base")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        link = tarfile.TarInfo("pg_tblspc/16384")
        link.type, link.linkname = tarfile.SYMTYPE, "/srv/space"
        tar.addfile(link)
        for number, content in enumerate(contents):
            info = tarfile.TarInfo(f"base/{number}")
            info.size, info.mtime = len(content), 1_700_000_000
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@given(st.lists(st.binary(max_size=2000), max_size=5), st.integers(1, 1500))
def test_any_pieces_give_the_same_members(contents: list[bytes], piece: int) -> None:
    data = archive(contents)
    taken = _Taken()
    walk = TarWalk("base.tar", taken.begin)
    for start in range(0, len(data), piece):
        walk.write(data[start : start + piece])
    walk.close()
    assert [one.path for one in taken.members] == [
        "base",
        "pg_tblspc/16384",
        *(f"base/{n}" for n in range(len(contents))),
    ]
    assert [one.kind for one in taken.members[:2]] == ["folder", "link"]
    assert taken.members[1].target == "/srv/space"
    assert taken.contents == [content + b"|" for content in contents]
    assert all(one.modified == 1_700_000_000 for one in taken.members[2:])


def test_own_headers_are_read_by_tarfile() -> None:
    content = b"x" * 700
    data = file_header("archive_status/0.done", 0, modified=1) + file_header("0" * 24, 700, modified=2)
    data += content + padding_of(700) + END
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        first, second = tar.getmembers()
        assert (first.name, first.size, second.mode, second.mtime) == ("archive_status/0.done", 0, 0o600, 2)
        extracted = tar.extractfile(second)
        assert extracted is not None
        assert extracted.read() == content


def test_files_of_eight_gigabytes_and_more() -> None:
    info = tarfile.TarInfo("base/1/2")
    info.size = 9 << 30
    taken = _Taken()
    TarWalk("base.tar", taken.begin).write(info.tobuf(tarfile.GNU_FORMAT))
    assert taken.members[0].size == 9 << 30


@pytest.mark.parametrize("damage", ["cut", "no end", "flipped", "behind the end", "device"])
def test_damage_is_found(damage: str) -> None:
    data = archive([b"y" * 1000])
    if damage == "cut":
        data = data[:1700]
    elif damage == "no end":
        data = data[: 3 * 512 + 1024]
    elif damage == "flipped":
        data = data[:520] + bytes([data[520] ^ 1]) + data[521:]
    elif damage == "behind the end":
        data += archive([])
    else:
        device = tarfile.TarInfo("dev/null")
        device.type = tarfile.CHRTYPE
        data = device.tobuf(tarfile.USTAR_FORMAT) + data
    walk = TarWalk("base.tar", _Taken().begin)
    with pytest.raises(CorruptArtifactError, match="base.tar"):
        walk.write(data)
        walk.close()
