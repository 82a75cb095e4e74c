# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen of the server's messages before libpq takes them, and what is left of a message half sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dbfleet.postgresql.copy_in import _after, _tells_error
from dbfleet.postgresql.wire_messages import HEADER

ASIDES = st.lists(st.tuples(st.sampled_from([b"N", b"S", b"A"]), st.binary(max_size=50)), max_size=5)


def messages(found: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(HEADER.pack(kind, len(content) + 4) + content for kind, content in found)


@given(ASIDES, st.binary(max_size=50))
def test_an_error_is_seen_behind_whatever_comes_before(asides: list[tuple[bytes, bytes]], error: bytes) -> None:
    before = messages(asides)
    whole = before + messages([(b"E", b"S" + error)])
    for end in range(len(before)):
        assert not _tells_error(whole[:end])
    # Its first field is enough.
    for end in range(len(before) + HEADER.size + 1, len(whole) + 1):
        assert _tells_error(whole[:end])


@given(ASIDES, st.binary(max_size=50))
def test_what_means_something_else_is_no_error(asides: list[tuple[bytes, bytes]], content: bytes) -> None:
    assert not _tells_error(messages([*asides, (b"C", content), (b"E", b"S")]))
    assert not _tells_error(messages([*asides, (b"E", b"x" + content)]))


@given(st.lists(st.binary(max_size=20), max_size=4), st.data())
def test_what_is_left_is_what_was_not_written(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    written = data.draw(st.integers(0, len(whole)))
    left = _after([memoryview(piece) for piece in pieces], written)
    assert b"".join(left) == whole[written:]
    assert all(len(piece) for piece in left)
