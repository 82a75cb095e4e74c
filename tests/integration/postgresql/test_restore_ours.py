# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of ours: verified, restored by ours and by the genuine pg_restore, on every version."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.interfaces import ArtifactFile
from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions
from dbfleet.progress import Progress
from dbfleet.repository.records import Manifest
from dbfleet.streams.file import FileSink
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    LocalArtifact,
    assert_equal_databases,
    connection_options,
    fill,
    new_database,
    newest_client,
    restore,
    target,
)
from tests.servers.fixtures import Database

# Large objects come with a later version.
OURS = "".join(line for line in SAMPLE.splitlines(keepends=True) if "lo_from_bytea" not in line and "LARGE" not in line)


class Writer:
    """An ArtifactWriter into a folder."""

    can_patch = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, path: str, *, patched: bool = False) -> ArtifactFile:
        return FileSink(str(self._folder / path))


def dump(server: servers.Server, database: str, folder: Path, compression: str = "gzip:6") -> tuple[Path, Manifest]:
    """A backup of ours with what its manifest would say."""
    source = PostgresqlBackupSource(BackupOptions(connection_options(server), database, compression=compression))
    try:
        plan = source.plan()
        contents = source.write(Writer(folder), Progress())
    finally:
        source.close()
    manifest = Manifest("id", "logical", "c", database, plan.server, contents, (), "0", "", "", 0.0)
    return folder / contents.artifact, manifest


def test_a_backup_of_ours_comes_back_equal(pg_database: Database, tmp_path: Path) -> None:
    comes_back_equal(pg_database, tmp_path, "gzip:6", newest_client(pg_database.server))


@pytest.mark.parametrize("compression", ["none", "gzip:9", "zstd:3", "lz4"])
def test_every_compression_comes_back_equal(pg_latest_database: Database, tmp_path: Path, compression: str) -> None:
    comes_back_equal(pg_latest_database, tmp_path, compression, 18)


def comes_back_equal(database: Database, folder: Path, compression: str, client: int) -> None:
    server = database.server
    fill(server, database.name, OURS)
    archive, manifest = dump(server, database.name, folder, compression)
    with new_database(server, create=False) as name:
        _plan, contents = restore(server, archive, name, manifest=manifest, create=True)
        assert contents.tables == manifest.contents.tables
        assert_equal_databases(server, database.name, name)
    with new_database(server) as name:
        pg_restore = servers.client("pg_restore", version=client)
        assert b"TABLE DATA shop customers" in pg_restore.run(None, "--list", archive).stdout
        pg_restore.run(server, "--exit-on-error", "--dbname", name, archive)
        assert_equal_databases(server, database.name, name)


def test_a_changed_row_is_found(pg_latest_database: Database, tmp_path: Path) -> None:
    server = pg_latest_database.server
    fill(server, pg_latest_database.name, OURS)
    archive, manifest = dump(server, pg_latest_database.name, tmp_path, "none")
    archive.write_bytes(archive.read_bytes().replace(b"name 77\t", b"name 78\t"))
    with target(server, "nowhere") as opened, pytest.raises(CorruptArtifactError, match=r"shop\.customers"):
        opened.verify(LocalArtifact(archive), manifest, Progress())
