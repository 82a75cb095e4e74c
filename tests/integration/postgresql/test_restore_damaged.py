# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives and scripts that were cut off or have one wrong bit, in every form that there is."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import CorruptArtifactError, DbfleetError, UsageError
from dbfleet.postgresql.archive.script import ScriptOptions
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.postgresql.restore_script import ScriptRestoreOptions
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact
from dbfleet.restore import Origin, RestoreRequest, restore
from dbfleet.restore_script import RestoreScriptRequest, restore_to_script
from tests import servers
from tests.integration.postgresql.restore_support import connection_options, fill, new_database, pg_dump, target
from tests.servers.errors import CommandFailed
from tests.servers.fixtures import ServerPool

NEWEST = 18
KEY = "k"
CONTENT = """
CREATE TABLE notes AS SELECT n, md5(n::text) AS note FROM generate_series(1, 400) n;
CREATE TABLE more (a int PRIMARY KEY, b text DEFAULT 'x''y');
INSERT INTO more VALUES (1, E'tab\\t and \\\\ '), (2, NULL);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
SELECT lo_from_bytea(7000, decode(repeat('00ff10', 300), 'hex'));
"""
GENUINE = {
    "custom": ("-Fc", "-Z0"),
    "custom, gzip": ("-Fc", "-Zgzip"),
    "custom, zstd": ("-Fc", "-Zzstd"),
    "tar": ("-Ft",),
    "folder": ("-Fd", "-Z0"),
    "folder, gzip": ("-Fd", "-Zgzip"),
    "folder, lz4": ("-Fd", "-Zlz4"),
    "plain": ("-Fp",),
    "plain, gzip": ("-Fp", "-Zgzip"),
}
#: Nothing listens there.
NOWHERE = ConnectionOptions(host="127.0.0.1", port=1, connect_timeout=2)
_VERSIONS = re.compile(rb"^-- Dumped by .*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def server(server_pool: ServerPool) -> servers.Server:
    return server_pool.get("pg18")


@pytest.fixture(scope="module")
def source(server: servers.Server) -> Iterator[str]:
    with new_database(server) as name:
        fill(server, name, CONTENT)
        yield name


def files_of(archive: Path) -> list[Path]:
    return sorted(archive.iterdir()) if archive.is_dir() else [archive]


def copied(archive: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    to.unlink(missing_ok=True)
    return Path(shutil.copytree(archive, to) if archive.is_dir() else shutil.copy(archive, to))


def nothing_lost(form: str, name: str, size: int) -> set[int]:
    """The lengths at which a file is whole all the same, or looks like another one that is."""
    if name.startswith("blob_"):
        # Empty is what pg_dump makes of an empty large object, and without compression any length is one.
        return {0} if form != "folder" else set(range(size))
    # A line's end, and zeros that fill the last block up.
    return {size - 1} if form in ("plain", "tar") or name.startswith("blobs_") else set()


@pytest.mark.parametrize("form", list(GENUINE))
def test_every_thousandth_truncation_is_found(server: servers.Server, source: str, tmp_path: Path, form: str) -> None:
    """Without a manifest, and without a server."""
    archive = pg_dump(server, source, tmp_path / "genuine", *GENUINE[form])
    for file in files_of(archive):
        whole = file.read_bytes()
        assert whole
        for length in {*range(0, len(whole), 1000), len(whole) - 1} - nothing_lost(form, file.name, len(whole)):
            file.write_bytes(whole[:length])
            with target(server, "not connected to") as opened, pytest.raises((CorruptArtifactError, UsageError)):
                opened.verify(open_artifact(str(archive)), None, Progress())
        file.write_bytes(whole)
    with target(server, "not connected to") as opened:
        opened.verify(open_artifact(str(archive)), None, Progress())


@pytest.mark.parametrize(
    ("form", "compression"), [("custom", ""), ("directory", ""), ("directory", "none"), ("tar", ""), ("plain", "")]
)
def test_one_wrong_bit_is_always_found_with_a_manifest(
    server: servers.Server, source: str, tmp_path: Path, form: str, compression: str
) -> None:
    """Before anything is connected to."""
    dest = tmp_path / "ours"
    options = BackupOptions(connection_options(server), source, format=form, compression=compression)
    backup(BackupRequest(options, Destination(dest=str(dest))), Progress())
    chosen = random.Random(form + compression)
    request = RestoreRequest(RestoreOptions(NOWHERE, "x", create=True), Origin(source=str(dest)))
    files = files_of(dest)
    for _number in range(40):
        file = chosen.choice(files)
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[chosen.randrange(len(whole))] ^= 1 << chosen.randrange(8)
        file.write_bytes(damaged)
        with pytest.raises(CorruptArtifactError, match="is not what was backed up"):
            restore(request, Progress())
        file.write_bytes(whole)


@pytest.mark.parametrize("form", [form for form in GENUINE if "plain" not in form])
def test_one_wrong_bit_without_a_manifest_makes_no_silent_difference(
    server: servers.Server, source: str, tmp_path: Path, form: str
) -> None:
    """What we take is what pg_restore takes too, to the last byte; what it refuses, we refuse."""
    archive = pg_dump(server, source, tmp_path / "genuine", *GENUINE[form])
    chosen = random.Random(form)
    files = files_of(archive)
    taken = 0
    for _number in range(25):
        damaged = copied(archive, tmp_path / "damaged")
        place = chosen.choice(files)
        file = damaged / place.name if damaged.is_dir() else damaged
        content = bytearray(file.read_bytes())
        content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        file.write_bytes(content)
        script = tmp_path / "ours.sql"
        request = RestoreScriptRequest(
            ScriptRestoreOptions(script=ScriptOptions(restrict_key=KEY)), Origin(source=str(damaged)), str(script)
        )
        try:
            restore_to_script(request, Progress())
        except DbfleetError:
            continue
        taken += 1
        try:
            arguments = ("-f", "-", f"--restrict-key={KEY}", damaged)
            theirs = servers.client("pg_restore", version=NEWEST).run(None, *arguments).stdout
        except CommandFailed as error:
            pytest.fail(f"we take what pg_restore refuses: {error}")
        assert _VERSIONS.sub(b"", script.read_bytes()) == _VERSIONS.sub(b"", theirs)
    assert taken < 25
