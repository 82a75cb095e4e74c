# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements too large to be kept: the same bytes in parts as in one piece, on their way through and on the wire."""

from __future__ import annotations

import io
import socket
import struct
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError
from dbfleet.mysql import folder_splitter, script, wire
from dbfleet.mysql.folder_splitter import FolderSplitter
from dbfleet.mysql.script import ScriptSplitter
from dbfleet.mysql.script_rest import trimmed
from dbfleet.mysql.script_summary import TableDigest
from dbfleet.mysql.statements import classify

KEPT = 100
#: A usual INSERT, one of two rows, what only looks like one, and another statement of many bytes.
LARGE = [
    b"INSERT INTO `t` VALUES (1,'" + b"it\\'s; \\\\ " * 90 + b"',0xABCD)",
    b"INSERT INTO `t` (`a`, `b`) VALUES ('" + b"x" * 300 + b"',1),('y;',NULL)",
    b"CREATE TABLE `u` (a INT COMMENT '" + b"c" * 400 + b"')",
    b"INSERT INTO `t` SELECT '" + b"z" * 400 + b"'",
]


@pytest.fixture(autouse=True)
def _little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "KEPT_UP_TO", KEPT)
    monkeypatch.setattr(folder_splitter, "KEPT_UP_TO", KEPT)
    # The fast way keeps statements of some megabytes in its block.
    monkeypatch.setattr(script, "_LARGEST_USUAL", KEPT)
    monkeypatch.setattr(script, "_LOOKAHEAD_OF_INSERT", 40)


def splitter(kind: str, data: bytes, size: int) -> Any:
    if kind == "script":
        return ScriptSplitter(io.BytesIO(data), block_size=size, in_parts=True)
    return FolderSplitter(io.BytesIO(data), name="file", block_size=size, in_parts=True)


@pytest.mark.parametrize("kind", ["script", "folder"])
@pytest.mark.parametrize("size", [7, 64, 1000])
def test_text_and_rest_are_the_statement(kind: str, size: int) -> None:
    data = b";\n".join([LARGE[0], b"SET @a = 1", *LARGE[1:], b"INSERT INTO `t` VALUES (2)", b""])
    found, in_parts, lines = [], [], []
    for one in splitter(kind, data, size):
        rest = b"".join(one.rest or ())
        found.append(one.text + rest)
        lines.append(one.line)
        in_parts.append(one.rest is not None and one.rest.size == len(rest))
        assert data[one.offset :].startswith(one.text)
    assert found == data.split(b";\n")[:-1]
    assert lines == [1, 2, 3, 4, 5, 6]
    # Only rows are taken in parts; with a large block they may be there as a whole anyway.
    assert in_parts[:3] == [True, False, True] or size == 1000
    assert in_parts[3:] == [False, False, False]


@pytest.mark.parametrize("kind", ["script", "folder"])
@pytest.mark.parametrize("taken", [0, 1])
def test_a_rest_that_nobody_takes_is_passed(kind: str, taken: int) -> None:
    data = LARGE[0] + b";\nSELECT 1;\n"
    found = []
    for one in splitter(kind, data, 50):
        found.append(one.text)
        for _number, _piece in zip(range(taken), one.rest or ()):
            pass
    assert found[1:] == [b"SELECT 1"]


@pytest.mark.parametrize("kind", ["script", "folder"])
def test_a_rest_that_is_cut_off_is_an_error(kind: str) -> None:
    statements = iter(splitter(kind, LARGE[0][:600], 50))
    statement = next(statements)
    with pytest.raises(CorruptArtifactError) as caught:
        statement.rest.drop()
    assert caught.value.context["line"] == 1


def test_white_space_at_the_end_of_a_script_is_no_part_of_it() -> None:
    statement = LARGE[0] + b" \n -- end"
    for end in (b"", b"\n", b" \n\t" * 40):
        for size in (7, 50):
            (found,) = [one.text + b"".join(one.rest or ()) for one in splitter("script", statement + end, size)]
            assert found == statement


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=5).map(lambda data: data.replace(b"\xff", b"\n")), max_size=9))
def test_only_the_end_is_trimmed(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert b"".join(trimmed(pieces, b"\n")) == whole.rstrip(b"\n")
    assert b"".join(trimmed(pieces, unless=lambda: True)) == whole


def test_the_digest_is_that_of_the_whole() -> None:
    action = classify(LARGE[1])
    whole, parts = TableDigest(), TableDigest()
    whole.add(LARGE[1], action)
    parts.add(LARGE[1][:40], action, [LARGE[1][40:90], LARGE[1][90:]])
    assert whole.record() == parts.record()


class Wire:
    """What the functions of the wire need of the driver's connection, over a pair of sockets."""

    _rfile = None
    _next_seq_id = 0

    def __init__(self, sending: socket.socket) -> None:
        self._sock: socket.socket | None = sending

    def _write_bytes(self, data: Any) -> None:
        assert self._sock is not None
        self._sock.sendall(data)

    def _force_close(self) -> None:
        self._sock = None


@pytest.mark.parametrize("size", [0, 10, 98, 99, 100, 101, 198, 199, 200, 201, 450])
@pytest.mark.parametrize("piece", [1, 33, 99, 1000])
def test_packets_are_those_of_the_whole_statement(monkeypatch: pytest.MonkeyPatch, size: int, piece: int) -> None:
    monkeypatch.setattr(wire, "_LONGEST_PACKET", 100)
    statement = bytes(number % 251 for number in range(size))
    sending, receiving = socket.socketpair()
    connection = Wire(sending)
    with sending, receiving:
        pieces = [statement[begin : begin + piece] for begin in range(5, size, piece)]
        taken: list[bytes] = []
        reader = threading.Thread(target=lambda: taken.extend(iter(lambda: receiving.recv(1 << 16), b"")))
        reader.start()
        wire.send_in_parts(connection, statement[:5], pieces)
        sending.shutdown(socket.SHUT_WR)
        reader.join()
        received = b"".join(taken)
    payload, number, length = b"", 0, 100
    while length == 100:
        (word,) = struct.unpack_from("<I", received)
        length = word & 0xFFFFFF
        assert word >> 24 == number
        payload += received[4 : 4 + length]
        received = received[4 + length :]
        number += 1
    assert (payload, received) == (bytes([wire.COM_QUERY]) + statement, b"")
    assert connection._next_seq_id == number


def test_a_rest_that_cannot_be_read_cuts_the_connection() -> None:
    def pieces() -> Any:
        yield b"x" * 10
        raise CorruptArtifactError("it ends here")

    sending, receiving = socket.socketpair()
    connection = Wire(sending)
    with sending, receiving, pytest.raises(CorruptArtifactError, match="it ends here"):
        wire.send_in_parts(connection, b"INSERT", pieces())
    assert connection._sock is None


def test_no_more_than_a_packet_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_LONGEST_PACKET", 100)
    sending, receiving = socket.socketpair()
    connection = Wire(sending)
    taken = 0

    def pieces() -> Any:
        nonlocal taken
        for _number in range(50):
            taken += 40
            yield bytes(40)

    sent: list[int] = []
    write = connection._write_bytes
    monkeypatch.setattr(connection, "_write_bytes", lambda data: (sent.append(len(data)), write(data)))
    reader = threading.Thread(target=lambda: [None for _data in iter(lambda: receiving.recv(1 << 16), b"")])
    with sending, receiving:
        reader.start()
        held = []

        def watched() -> Any:
            for piece in pieces():
                held.append(taken - sum(sent))
                yield piece

        wire.send_in_parts(connection, b"", watched())
        sending.shutdown(socket.SHUT_WR)
        reader.join()
    assert max(held) <= 140
