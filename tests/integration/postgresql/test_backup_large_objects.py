# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest's records of large objects: true in every form, and compared before a restore."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from pathlib import Path

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.options import BackupOptions
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_backup
from dbfleet.repository.records import LargeObjectsRecord
from tests.integration.postgresql.backup_support import back_up, fill_with_zoo
from tests.integration.postgresql.restore_support import connection_options, new_database, target
from tests.servers.fixtures import Database


def _expected(database: Database, oids: list[int]) -> LargeObjectsRecord:
    digest, size = hashlib.sha256(), 0
    with database.connect() as connection:
        for oid in oids:
            content = bytes(connection.execute("SELECT lo_get(%s)", (oid,)).fetchone()[0])
            digest.update(content + struct.pack(">IQ", oid, len(content)))
            size += len(content)
    return LargeObjectsRecord(len(oids), size, digest.hexdigest())


@pytest.mark.parametrize(
    "options",
    [{}, {"format": "directory", "jobs": 2}, {"archive_version": "1.14"}, {"format": "tar"}, {"format": "plain"}],
)
def test_the_records_are_those_of_the_contents(
    pg_latest_database: Database, tmp_path: Path, options: dict[str, object]
) -> None:
    database = pg_latest_database
    fill_with_zoo(database.server, database.name, "large_objects")
    _archive, contents, _progress = back_up(database.server, database.name, tmp_path, **options)
    order = "ORDER BY lomowner, lomacl::text, oid"
    rows = database.execute(f"SELECT oid, lomowner, lomacl::text FROM pg_largeobject_metadata {order}")
    groups: dict[tuple[object, ...], list[int]] = {}
    for oid, *group in rows:
        groups.setdefault(tuple(group), []).append(oid)
    expected = [_expected(database, oids) for oids in groups.values()]
    if options.get("archive_version"):
        # All of them are in one block.
        assert len(contents.large_objects) == 1
        assert contents.large_objects[0].count == len(rows)
        assert contents.large_objects[0].bytes == sum(record.bytes for record in expected)
    else:
        assert sorted(contents.large_objects, key=repr) == sorted(expected, key=repr)
        assert len(expected) > 3


@pytest.mark.parametrize("form", ["custom", "directory", "tar"])
def test_another_content_than_the_manifest_s_is_refused(
    pg_latest_database: Database, tmp_path: Path, form: str
) -> None:
    database = pg_latest_database
    database.execute("SELECT lo_from_bytea(4711, 'content'), lo_from_bytea(4712, 'more')")
    options = BackupOptions(connection_options(database.server), database.name, format=form)
    backup(BackupRequest(options=options, destination=Destination(repository=str(tmp_path))), Progress())
    artifact = open_backup(str(tmp_path), "latest")
    manifest = artifact.manifest
    assert manifest is not None
    (record,) = manifest.contents.large_objects
    assert record == _expected(database, [4711, 4712])
    with new_database(database.server) as copy, target(database.server, copy) as restoring:
        restoring.verify(artifact, manifest, Progress())
        for wrong in ((dataclasses.replace(record, sha256="0" * 64),), (record, record)):
            contents = dataclasses.replace(manifest.contents, large_objects=wrong)
            with pytest.raises(CorruptArtifactError, match="large objects"):
                restoring.verify(artifact, dataclasses.replace(manifest, contents=contents), Progress())
