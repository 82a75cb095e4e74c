# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that are refused: before the first change, with everything that is wrong in one report."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import (
    ConnectError,
    CorruptArtifactError,
    DbfleetError,
    NotFoundError,
    PrivilegeError,
    RestoreError,
    TargetNotEmptyError,
    UsageError,
)
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.toc import TocEntry
from dbfleet.progress import Progress
from dbfleet.repository.records import BackupContents, Manifest, ServerIdentity, TableRecord
from tests import servers
from tests.integration.postgresql.restore_support import (
    LocalArtifact,
    connection_options,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    schema_of,
    target,
    transcribe,
)
from tests.servers.fixtures import Database

SMALL = """
CREATE TABLE notes (id integer PRIMARY KEY, body text);
INSERT INTO notes SELECT i, 'note ' || i FROM generate_series(1, 3000) i;
"""


@pytest.fixture
def small(pg_latest_database: Database, tmp_path: Path) -> Path:
    fill(pg_latest_database.server, pg_latest_database.name, SMALL)
    return pg_dump(pg_latest_database.server, pg_latest_database.name, tmp_path / "small.dump", "-Z0")


@pytest.fixture
def name(pg_latest: servers.Server) -> Iterator[str]:
    with new_database(pg_latest) as made:
        yield made


def test_wrong_password(pg_latest: servers.Server, small: Path, name: str) -> None:
    connection = ConnectionOptions(
        host=pg_latest.host, port=pg_latest.port, user=pg_latest.user, password="wr0ng secret"
    )
    with pytest.raises(ConnectError) as caught:
        restore(pg_latest, small, name, connection=connection)
    assert "wr0ng secret" not in str(caught.value) + repr(caught.value.details())
    assert "password" in caught.value.hint


def test_missing_target(pg_latest: servers.Server, small: Path) -> None:
    with pytest.raises(NotFoundError, match="target database 'nowhere' does not exist") as caught:
        restore(pg_latest, small, "nowhere")
    assert "create" in caught.value.hint


def test_a_database_to_create_must_not_exist(pg_latest: servers.Server, small: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' exists"):
        restore(pg_latest, small, name, create=True)


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("CREATE TABLE t (a integer)", "TABLE public.t"),
        ("CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'", r"FUNCTION public.f\(a integer\)"),
        ("CREATE SCHEMA s", "SCHEMA s"),
        ("CREATE TYPE e AS ENUM ()", "TYPE public.e"),
        ("CREATE DOMAIN d AS integer", "DOMAIN public.d"),
        ("CREATE VIEW v AS SELECT 1", "VIEW public.v"),
        ("CREATE SEQUENCE q", "SEQUENCE public.q"),
        ("SELECT lo_create(99)", "LARGE OBJECT 99"),
        ("CREATE PUBLICATION p", "PUBLICATION p"),
        ("CREATE OPERATOR === (LEFTARG = box, RIGHTARG = box, PROCEDURE = box_same)", "OPERATOR public.==="),
        ("CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)", "TEXT SEARCH CONFIGURATION public.c"),
        ('CREATE COLLATION c FROM "C"', "COLLATION public.c"),
        ("CREATE CAST (text AS box) WITH INOUT", "CAST text AS box"),
        ("CREATE FOREIGN DATA WRAPPER w", "FOREIGN DATA WRAPPER w"),
    ],
)
def test_a_target_with_objects_is_refused(
    pg_latest: servers.Server, small: Path, name: str, script: str, named: str
) -> None:
    fill(pg_latest, name, script)
    before = schema_of(pg_latest, name)
    with pytest.raises(TargetNotEmptyError, match=f"not empty: .*{named}"):
        restore(pg_latest, small, name)
    assert schema_of(pg_latest, name) == before


def test_what_does_not_count_as_content(pg_latest: servers.Server, small: Path, name: str) -> None:
    fill(pg_latest, name, "CREATE EXTENSION IF NOT EXISTS plpgsql; COMMENT ON SCHEMA public IS 'x'; ANALYZE")
    restore(pg_latest, small, name)


NEEDY = """
CREATE ROLE {0}_owner; CREATE ROLE {0}_reader; CREATE ROLE "{0} Policy"; CREATE ROLE {0}_default;
CREATE TABLE owned (a integer);
ALTER TABLE owned OWNER TO {0}_owner;
GRANT SELECT ON owned TO {0}_reader WITH GRANT OPTION;
CREATE POLICY p ON owned FOR SELECT TO "{0} Policy" USING (true);
ALTER DEFAULT PRIVILEGES FOR ROLE {0}_default IN SCHEMA public GRANT SELECT ON TABLES TO {0}_reader;
"""


def test_all_missing_roles_in_one_report(pg_latest: servers.Server, tmp_path: Path, name: str) -> None:
    roles = [f"{name}_owner", f"{name}_reader", f"{name} Policy", f"{name}_default"]
    with new_database(pg_latest) as source:
        fill(pg_latest, source, NEEDY.format(name))
        archive = pg_dump(pg_latest, source, tmp_path / "needy.dump")
    drop_roles(pg_latest, roles)
    fill(pg_latest, name, "CREATE TABLE already (a integer)")
    before = schema_of(pg_latest, name)
    with pytest.raises(TargetNotEmptyError) as caught:
        restore(pg_latest, archive, name)
    assert all(role in caught.value.message for role in [*roles, "already"])
    assert "create the roles" in caught.value.hint
    assert len(caught.value.context["problems"]) == 2
    with pytest.raises(NotFoundError, match=f"lacks the roles .*{name}_owner"):
        restore(pg_latest, archive, name, force=True)
    assert schema_of(pg_latest, name) == before


def drop_roles(server: servers.Server, roles: list[str]) -> None:
    for role in roles:
        fill(server, "postgres", f'DROP ROLE "{role}"')


def test_missing_extension_language_and_tablespace(pg_latest: servers.Server, name: str, tmp_path: Path) -> None:
    with new_database(pg_latest) as source:
        fill(
            pg_latest,
            source,
            "CREATE TABLE t (a integer); CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        )
        genuine = pg_dump(pg_latest, source, tmp_path / "genuine.dump")

    def change(entry: TocEntry) -> TocEntry:
        if entry.desc == "TABLE":
            return dataclasses.replace(entry, tablespace="fast disks")
        if entry.desc == "FUNCTION":
            return dataclasses.replace(entry, defn=(entry.defn or "").replace("LANGUAGE sql", "LANGUAGE plv8"))
        return entry

    archive = transcribe(genuine, tmp_path / "needy.dump", change=change)
    with pytest.raises(NotFoundError) as caught:
        restore(pg_latest, archive, name)
    assert "language plv8" in caught.value.message
    assert "tablespace fast disks" in caught.value.message


def test_an_ordinary_user_is_told_what_is_missing(pg_latest: servers.Server, small: Path, name: str) -> None:
    user = f"{name}_user"
    fill(pg_latest, "postgres", f"CREATE ROLE {user} LOGIN")
    connection = dataclasses.replace(connection_options(pg_latest), user=user)
    try:
        with pytest.raises(PrivilegeError) as caught:
            restore(pg_latest, small, name, connection=connection)
        assert "not a member of" in caught.value.message
        assert "schema public" in caught.value.message
        with pytest.raises(PrivilegeError, match="may not create databases"):
            restore(pg_latest, small, f"{name}_x", connection=connection, create=True)
    finally:
        fill(pg_latest, "postgres", f"DROP ROLE {user}")


def manifest_of(*tables: TableRecord) -> Manifest:
    contents = BackupContents("custom", "small.dump", "none", {}, tables, {})
    server = ServerIdentity("postgresql", "18.0", 180000, "h", 5432)
    return Manifest("id", "logical", "c", "d", server, contents, (), "0", "", "", 0.0)


ROWS = "".join(f"{i}\tnote {i}\n" for i in range(1, 3001)).encode()
RECORD = TableRecord("public", "notes", 3000, len(ROWS), hashlib.sha256(ROWS).hexdigest())


def test_flipped_bits_are_found_by_the_manifest(
    pg_latest: servers.Server, small: Path, name: str, tmp_path: Path
) -> None:
    content = small.read_bytes()
    start = content.index(b"1\tnote 1\n")
    end = content.index(b"3000\tnote 3000\n")
    assert restore(pg_latest, small, name, manifest=manifest_of(RECORD))[1].tables == (RECORD,)
    chosen = random.Random(4)
    for number in range(60):
        damaged = bytearray(content)
        damaged[chosen.randrange(start, end)] ^= 1 << chosen.randrange(8)
        path = tmp_path / f"flipped{number}"
        path.write_bytes(damaged)
        with target(pg_latest, "not connected to") as opened, pytest.raises(CorruptArtifactError):
            opened.verify(LocalArtifact(path), manifest_of(RECORD), Progress())


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([dataclasses.replace(RECORD, rows=2999)], r"public\.notes .* 3000 rows instead of 2999"),
        ([dataclasses.replace(RECORD, sha256="0" * 64)], r"public\.notes .* other content"),
        ([], r"data of public\.notes, which its manifest does not know"),
        ([RECORD, dataclasses.replace(RECORD, name="more")], r"lacks the data of public\.more"),
    ],
)
def test_the_first_difference_is_named(
    pg_latest: servers.Server, small: Path, tables: list[TableRecord], message: str
) -> None:
    with target(pg_latest, "x") as opened, pytest.raises(CorruptArtifactError, match=message):
        opened.verify(LocalArtifact(small), manifest_of(*tables), Progress())


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], r"data of public\.notes, which its manifest does not know"),
        ([RECORD, dataclasses.replace(RECORD, name="more")], r"lacks the data of public\.more"),
    ],
)
def test_files_that_were_checked_still_hold_what_the_manifest_names(
    pg_latest: servers.Server, small: Path, tables: list[TableRecord], message: str
) -> None:
    with target(pg_latest, "x") as opened, pytest.raises(CorruptArtifactError, match=message):
        opened.verify(LocalArtifact(small), manifest_of(*tables), Progress(), checked=True)


def test_data_of_files_that_were_checked_are_compared_when_they_are_loaded(
    pg_latest: servers.Server, small: Path, name: str
) -> None:
    other = manifest_of(dataclasses.replace(RECORD, sha256="0" * 64))
    with target(pg_latest, name) as opened:
        opened.verify(LocalArtifact(small), other, Progress(), checked=True)
        opened.plan(LocalArtifact(small), other)
        with pytest.raises(RestoreError, match=r"notes failed: its data are not those .*the target is as it was"):
            opened.restore(LocalArtifact(small), other, Progress())
    assert restore(pg_latest, small, name)[1].tables[0].rows == RECORD.rows


def test_every_thousandth_truncation_is_found(pg_latest: servers.Server, small: Path, tmp_path: Path) -> None:
    content = small.read_bytes()
    path = tmp_path / "cut"
    for length in range(0, len(content), 1000):
        path.write_bytes(content[:length])
        with target(pg_latest, "x") as opened, pytest.raises(CorruptArtifactError):
            opened.verify(LocalArtifact(path), None, Progress())


def test_a_refused_restore_makes_no_database(pg_latest: servers.Server, small: Path) -> None:
    before = databases(pg_latest)
    small.write_bytes(small.read_bytes()[:-10])
    with pytest.raises(DbfleetError):
        restore(pg_latest, small, "never_made", create=True)
    assert databases(pg_latest) == before
