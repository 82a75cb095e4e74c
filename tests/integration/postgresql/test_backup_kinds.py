# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of objects, each in its file of the zoo: entry for entry what the newest pg_dump makes of it, in its order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.postgresql.toc import TocEntry
from tests.integration.postgresql.backup_support import NEWEST_CLIENT, back_up, dumped, in_words_of, restore_genuinely
from tests.integration.postgresql.restore_support import new_database, pg_dump
from tests.integration.postgresql.zoo_support import as_text, entries_of, fill_with, needs, subscriptions_dropped
from tests.servers.fixtures import Database

KINDS = (
    "access_methods",
    "casts",
    "collations",
    "conversions",
    "event_triggers",
    "extended_statistics",
    "foreign_data",
    "given_privileges",
    "languages",
    "large_objects",
    "operator_classes",
    "operators",
    "publications",
    "subscriptions",
    "text_search",
    "transforms",
)


@pytest.fixture
def database(pg_database: Database) -> Iterator[Database]:
    with subscriptions_dropped(pg_database.server, pg_database.name):
        yield pg_database


def genuine_entries(database: Database, folder: Path, *, client: int = NEWEST_CLIENT) -> list[TocEntry]:
    """What pg_dump makes, in the words of the source's version."""
    archive = pg_dump(database.server, database.name, folder / "genuine.dump", version=client)
    version = database.server.version[0]
    return [dataclasses.replace(entry, defn=in_words_of(version, entry.defn or "")) for entry in entries_of(archive)]


@pytest.mark.parametrize("kind", [*KINDS, "security_labels"])
def test_entries_are_those_of_the_newest_pg_dump(kind: str, database: Database, tmp_path: Path) -> None:
    compare_entries(kind, database, tmp_path)


def test_entries_of_icu_collations_are_those_of_the_newest_pg_dump(pg_icu_database: Database, tmp_path: Path) -> None:
    compare_entries("collations_icu", pg_icu_database, tmp_path)


def compare_entries(kind: str, database: Database, tmp_path: Path) -> None:
    client = NEWEST_CLIENT
    if kind == "large_objects" and database.server.version[0] <= 16:
        # Groups of large objects came with archive version 1.16, which ours has from 17 on.
        client = 16
    fill_with(database.server, database.name, kind)
    archive, _contents, progress = back_up(database.server, database.name, tmp_path)
    ours, genuine = entries_of(archive), genuine_entries(database, tmp_path, client=client)
    assert [as_text(entry) for entry in ours] == [as_text(entry) for entry in genuine]
    assert progress.warnings == []
    assert len(ours) > 5
    own_needs = needs(ours)
    missing = {name: wanted - own_needs[name] for name, wanted in needs(genuine).items() if wanted - own_needs[name]}
    assert missing == {}


@pytest.mark.parametrize("kind", KINDS)
def test_genuine_pg_restore_makes_the_same_database(kind: str, database: Database, tmp_path: Path) -> None:
    compare_restored(kind, database, tmp_path)


def test_genuine_pg_restore_makes_the_same_icu_collations(pg_icu_database: Database, tmp_path: Path) -> None:
    compare_restored("collations_icu", pg_icu_database, tmp_path)


def compare_restored(kind: str, database: Database, tmp_path: Path) -> None:
    fill_with(database.server, database.name, kind)
    archive, _contents, _progress = back_up(database.server, database.name, tmp_path)
    with new_database(database.server) as copy, subscriptions_dropped(database.server, copy):
        restore_genuinely(database.server, archive, copy)
        assert dumped(database.server, copy) == dumped(database.server, database.name)
