# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fast way of reading a table of contents gives what the exact way gives, or leaves it to that."""

from __future__ import annotations

import io
import random

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.archive import toc
from dbfleet.postgresql.archive.primitives import ArchiveInput
from dbfleet.postgresql.archive.toc import StoredEntry, encode_toc, read_toc
from dbfleet.postgresql.archive.toc_fast import EntryReader
from dbfleet.postgresql.toc import TocEntry

ENTRIES = [
    TocEntry(
        dump_id=1, had_dumper=False, table_oid=0, oid=0, tag="ENCODING", desc="ENCODING", section=2,
        defn="SET client_encoding = 'UTF8';\n",
    ),
    TocEntry(
        dump_id=7, had_dumper=True, table_oid=1259, oid=4_294_967_295, tag="größe", desc="TABLE DATA", section=3,
        copy_stmt='COPY public."größe" (a) FROM stdin;\n', namespace="public", tablespace="", owner="o" * 70,
        dependencies=(1, 3, 2_147_483_647),
    ),
    TocEntry(
        dump_id=3, had_dumper=False, table_oid=1259, oid=1, tag="t\udcff", desc="TABLE", section=2,
        defn="CREATE TABLE t;\n" * 100, drop_stmt="DROP TABLE t;\n", namespace="public", tablespace="",
        table_am="heap", relkind="r", owner="o" * 70,
    ),
]  # fmt: skip


def outcome(data: bytes, version: tuple[int, int]) -> list[TocEntry] | str:
    try:
        found = read_toc(ArchiveInput(io.BytesIO(data), "a"), version=version, read_extra=StoredEntry)
        return [stored.entry for stored in found]
    except CorruptArtifactError as error:
        return error.message


def exactly(monkeypatch: pytest.MonkeyPatch, data: bytes, version: tuple[int, int]) -> list[TocEntry] | str:
    with monkeypatch.context() as context:
        context.setattr(toc.EntryReader, "read", lambda _self, _data: None)
        return outcome(data, version)


def encoded(version: tuple[int, int]) -> bytes:
    return encode_toc(ENTRIES, version=version, extra=lambda _entry: b"")


@pytest.mark.parametrize("version", [(1, 12), (1, 14), (1, 16)])
def test_both_ways_give_the_same(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]) -> None:
    data = encoded(version)
    assert outcome(data, version) == exactly(monkeypatch, data, version)
    assert [entry.tag for entry in outcome(data, version) if isinstance(entry, TocEntry)] == [
        "ENCODING",
        "größe",
        "t\udcff",
    ]


@pytest.mark.parametrize("version", [(1, 12), (1, 14), (1, 16)])
def test_both_ways_find_the_same_damage(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]) -> None:
    data, chosen = encoded(version), random.Random(7)
    for _number in range(1500):
        damaged = bytearray(data)
        for _change in range(chosen.choice((1, 1, 1, 4))):
            place = chosen.randrange(len(damaged) - 1600) if chosen.random() < 0.8 else chosen.randrange(len(damaged))
            damaged[place] = chosen.choice((0, 1, 2, 0xFF, chosen.randrange(256)))
        assert outcome(bytes(damaged), version) == exactly(monkeypatch, bytes(damaged), version)
    for length in range(0, len(data), 7):
        assert outcome(data[:length], version) == exactly(monkeypatch, data[:length], version)


def test_what_is_whole_is_read_in_the_fast_way() -> None:
    data = ArchiveInput(io.BytesIO(encoded((1, 16))), "a")
    assert data.read_count("the number of entries", 9) == len(ENTRIES)
    reader = EntryReader(table_am=True, relkind=True)
    found = [reader.read(data) for _entry in ENTRIES]
    assert found == ENTRIES
    assert found[1] is not None
    assert found[2] is not None
    assert found[1].namespace is found[2].namespace


def test_repeated_words_are_one_string() -> None:
    data = ArchiveInput(io.BytesIO(encoded((1, 14))), "a")
    assert data.read_count("the number of entries", 9) == len(ENTRIES)
    reader = EntryReader(table_am=True, relkind=False)
    _first, second, third = (reader.read(data) for _entry in ENTRIES)

    assert second is not None
    assert third is not None
    assert second.namespace is third.namespace
