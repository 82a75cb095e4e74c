# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mutated archives and scripts: every one is read, or refused with an error of the engine's, soon and in little memory.

``DBFLEET_FUZZ_INPUTS`` is how many inputs each test makes, ``DBFLEET_FUZZ_SEED`` makes others, and
``DBFLEET_FUZZ_SAMPLES`` is a folder with archives and scripts to start from beside the built-in ones.
"""

from __future__ import annotations

import io
import os
import random
import resource
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from dbfleet.cli.contents_text import contents_text
from dbfleet.errors import DbfleetError
from dbfleet.postgresql.archive.header import version_for
from dbfleet.postgresql.archive.reader import open_archive
from dbfleet.postgresql.archive.script import ScriptOptions
from dbfleet.postgresql.archive_info import archive_contents
from dbfleet.postgresql.archive_needs import archive_needs
from dbfleet.postgresql.restore_order import restore_order
from dbfleet.postgresql.restore_script import ScriptRestoreOptions, write_script
from dbfleet.postgresql.restore_selection import RestoreSelection, select_entries
from dbfleet.postgresql.restore_use_list import parse_use_list
from dbfleet.postgresql.script_verify import verify_script
from dbfleet.postgresql.toc import TocEntry
from dbfleet.progress import Progress
from tests.unit.postgresql.archive.memory import HEADER, MemoryArtifact, MemoryFile, large_objects, table, write_archive
from tests.unit.postgresql.archive.test_hostile import COMPRESSIONS, FOLDER, tar_of

INPUTS = int(os.environ.get("DBFLEET_FUZZ_INPUTS", "1500"))
SEED = os.environ.get("DBFLEET_FUZZ_SEED", "1")
#: What one input may take at most; a slow machine reads the largest sample in a twentieth.
SECONDS = 5.0
#: What all inputs of a test may add to the process's largest size.
MEMORY = 256 << 20

ENTRIES = [
    TocEntry(1, False, 0, 0, "ENCODING", "ENCODING", 2, "SET client_encoding = 'UTF8';\n", ""),
    TocEntry(2, False, 0, 0, "STDSTRINGS", "STDSTRINGS", 2, "SET standard_conforming_strings = 'on';\n", ""),
    TocEntry(
        3, False, 0, 0, "SEARCHPATH", "SEARCHPATH", 2,
        "SELECT pg_catalog.set_config('search_path', '', false);\n", "",
    ),
    TocEntry(4, False, 1262, 5, "shop", "DATABASE", 2, "CREATE DATABASE shop;\n", "DROP DATABASE shop;\n", owner="ann"),
    TocEntry(5, False, 2615, 16389, "shop", "SCHEMA", 2, "CREATE SCHEMA shop;\n", "DROP SCHEMA shop;\n", owner="ann"),
    TocEntry(
        6, False, 1259, 16390, "orders", "TABLE", 2, "CREATE TABLE shop.orders (\n    a integer\n);\n",
        "DROP TABLE shop.orders;\n", namespace="shop", tablespace="", table_am="heap", relkind="r", owner="ann",
        dependencies=(5,),
    ),
    TocEntry(
        7, False, 1255, 16391, "f(integer)", "FUNCTION", 2,
        "CREATE FUNCTION shop.f(integer) RETURNS integer\n    LANGUAGE sql\n    AS $$SELECT 1$$;\n",
        "DROP FUNCTION shop.f(integer);\n", namespace="shop", owner="bob", dependencies=(5,),
    ),
    TocEntry(
        8, False, 2613, 16, "16..17", "BLOB METADATA", 3, "16\n17\n", "-- dummy", owner="ann",
    ),
    TocEntry(
        9, False, 0, 0, "LARGE OBJECTS 16..17", "ACL", 1, "GRANT SELECT ON LARGE OBJECT 16 TO bob;\n", owner="ann",
        dependencies=(8,),
    ),
    table(10),
    large_objects(11),
    TocEntry(
        12, False, 0, 0, "TABLE orders", "ACL", 1, "GRANT SELECT ON TABLE shop.orders TO bob;\n", namespace="shop",
        owner="ann", dependencies=(6,),
    ),
    TocEntry(
        13, False, 1259, 16399, "orders_idx", "INDEX", 4, "CREATE INDEX orders_idx ON shop.orders (a);\n",
        "DROP INDEX shop.orders_idx;\n", namespace="shop", tablespace="fast", owner="ann", dependencies=(6,),
    ),
]  # fmt: skip
DATA = {10: b"1\n" * 300, 11: {16: b"abc" * 90, 17: b""}}
SCRIPT = rb"""--
-- PostgreSQL database dump
--
\restrict abc
-- Dumped from database version 18.6
SET standard_conforming_strings = on;
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE TABLE shop."t;t" (a text DEFAULT E'\'x' /* a /* nested */ comment */);
COPY shop."t;t" (a) FROM stdin;
one
\N
\.

INSERT INTO shop."t;t" VALUES ('a;b'), ($q$;$q$);
INSERT INTO shop."t;t" VALUES ('a;b');
\unrestrict abc
--
-- PostgreSQL database dump complete
--
"""


def _samples() -> list[bytes | dict[str, bytes]]:
    archives: list[bytes | dict[str, bytes]] = [
        write_archive(
            ENTRIES,
            DATA,
            header=HEADER.__class__(version_for(compression, least=version), 1.75e9, "shop", "18.6", "18.6"),
            compression=compression,
            can_patch=patch,
        )
        for compression in COMPRESSIONS
        for version in ((1, 12), (1, 14), (1, 16))
        for patch in (True, False)
    ]
    archives += [FOLDER, tar_of(FOLDER)]
    folder = os.environ.get("DBFLEET_FUZZ_SAMPLES")
    if folder:
        for path in sorted(Path(folder).iterdir()):
            if path.suffix in (".dump", ".tar"):
                archives.append(path.read_bytes())
            elif path.is_dir():
                archives.append({file.name: file.read_bytes() for file in path.iterdir()})
    return archives


ARCHIVES = _samples()
INTERESTING = (b"\x00", b"\x01", b"\xff", b"\x00\xff\xff\xff\x7f", b"\x01\x01\x00\x00\x00", b"\x00\x00\x00\x00\x00")


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to four changes: bits, bytes, lengths, pieces that are cut out, doubled, moved, or come from elsewhere."""
    data = bytearray(content)
    for _change in range(chance.choice((1, 1, 2, 4))):
        # Headers and tables of contents are where most can go wrong.
        end = len(data) if chance.random() < 0.4 else min(len(data), 3000)
        place = chance.randrange(max(1, end))
        kind = chance.randrange(8)
        piece = chance.choice((1, 4, 5, 40, 700))
        if kind == 0 and data:
            data[place % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[place : place + 1] = bytes((chance.randrange(256),))
        elif kind == 2:
            new = chance.choice(INTERESTING)
            data[place : place + len(new)] = new
        elif kind == 3:
            del data[place : place + piece]
        elif kind == 4:
            data[place:place] = data[place : place + piece]
        elif kind == 5:
            other = chance.randrange(max(1, len(data)))
            data[place : place + piece] = data[other : other + piece]
        elif kind == 6:
            del data[place:]
        else:
            data[place:place] = chance.choice(
                (b"'", b'"', b";", b"$$", b"\\", b"\n", b"--", b"/*", b"\x00", b"\xf0\x9f")
            )
    return bytes(data)


class Sink(MemoryFile):
    """Keeps no more of a script than a test needs."""

    def write(self, data: bytes) -> None:
        super().write(bytes(data)[:64])


def use_archive(files: bytes | dict[str, bytes], chance: random.Random) -> None:
    """Everything that is done with an archive without a server."""
    artifact = MemoryArtifact(files)
    contents_text(archive_contents(artifact))
    reader = open_archive(artifact)
    names = tuple(entry.tag for entry in reader.entries[:3])
    selection = chance.choice(
        (
            RestoreSelection(),
            RestoreSelection(no_data=True, no_owner=True),
            RestoreSelection(tables=names, indexes=names, with_dependencies=True),
            RestoreSelection(use_list=tuple(entry.dump_id for entry in reversed(reader.entries))),
        )
    )
    archive_needs(restore_order(select_entries(reader.entries, selection)), create=True)
    options = ScriptOptions(clean=chance.random() < 0.5, if_exists=True, create=chance.random() < 0.5, restrict_key="k")
    write_script(artifact, None, ScriptRestoreOptions(selection, options), Sink(), Progress())


def use_script(content: bytes, _chance: random.Random) -> None:
    artifact = MemoryArtifact(content)
    contents_text(archive_contents(artifact))
    verify_script(artifact, None, Progress(), several_databases=True)


def fuzz(use: Callable[[random.Random], None], name: str) -> None:
    """Make inputs; every one must be used, or refused with an error of the engine's."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    refused = 0
    for number in range(INPUTS):
        chance = random.Random(f"{SEED} {name} {number}")
        start = time.perf_counter()
        try:
            use(chance)
        except DbfleetError:
            refused += 1
        except BaseException as error:
            raise AssertionError(f"input {number} of seed {SEED}: {type(error).__name__}: {error}") from error
        taken = time.perf_counter() - start
        assert taken < SECONDS, f"input {number} of seed {SEED} took {taken:.1f} s"
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert after - before < MEMORY
    # Most of what is changed is noticed, and not everything: else the mutations would be too blunt to get far.
    assert INPUTS // 10 < refused < INPUTS


def test_archives() -> None:
    def use(chance: random.Random) -> None:
        sample = chance.choice(ARCHIVES)
        if isinstance(sample, bytes):
            use_archive(mutated(sample, chance), chance)
            return
        name = chance.choice([*sample, "toc.dat"])
        use_archive({**sample, name: mutated(sample[name], chance)}, chance)

    fuzz(use, "archives")


def test_scripts() -> None:
    def use(chance: random.Random) -> None:
        content = mutated(SCRIPT, chance)
        use_script(zlib.compress(content, wbits=31) if chance.random() < 0.1 else content, chance)

    fuzz(use, "scripts")


def test_lists() -> None:
    text = b"; a comment\n12; 1259 16390 TABLE shop orders ann\n 7; b\n13 ; c\n"

    def use(chance: random.Random) -> None:
        lines = io.StringIO(mutated(text, chance).decode("utf-8", "replace"))
        numbers = parse_use_list(lines, name="the list")
        select_entries(ENTRIES, RestoreSelection(use_list=numbers))

    fuzz(use, "lists")


def test_the_samples_are_whole() -> None:
    for sample in ARCHIVES:
        use_archive(sample, random.Random(1))
    use_script(SCRIPT, random.Random(1))


def test_a_failure_is_named_by_its_input() -> None:
    def use(_chance: random.Random) -> None:
        raise IndexError("x")

    with pytest.raises(AssertionError, match="input 0 of seed .*: IndexError: x"):
        fuzz(use, "nothing")
