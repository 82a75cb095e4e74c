# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.errors import CorruptArtifactError, UsageError
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.replication.backup_files import BackupFiles, prefix_of
from dbfleet.postgresql.replication.backup_manifest import BackupManifest, ManifestFile, WalRange
from dbfleet.postgresql.replication.base_backup import command_of
from dbfleet.postgresql.replication.options import PhysicalBackupOptions
from dbfleet.postgresql.replication.physical_source import PhysicalBackupSource
from dbfleet.postgresql.replication.tar_walk import END, file_header, padding_of


def options(**chosen: object) -> PhysicalBackupOptions:
    return PhysicalBackupOptions(ConnectionOptions(), **chosen)  # type: ignore[arg-type]


class _Parent:
    id = "20261122T124118Z-physical"

    def manifest(self) -> bytes:
        return b""


def test_each_version_is_spoken_to_in_its_words() -> None:
    chosen = options(checkpoint="fast", label="it's", max_rate=100)
    assert command_of(chosen, 100023) == "BASE_BACKUP LABEL 'it''s' PROGRESS FAST NOWAIT MAX_RATE 100 TABLESPACE_MAP"
    manifest = " MANIFEST 'yes' MANIFEST_CHECKSUMS 'SHA256'"
    assert command_of(chosen, 140000) == command_of(chosen, 120000) + manifest
    assert command_of(chosen, 150000) == (
        "BASE_BACKUP (LABEL 'it''s', PROGRESS, CHECKPOINT 'fast', WAIT 0, TABLESPACE_MAP, MANIFEST 'yes', "
        "MANIFEST_CHECKSUMS 'SHA256', MAX_RATE 100)"
    )


def test_the_server_looks_at_checksums_unless_damage_is_to_pass() -> None:
    assert "CHECKSUMS" not in command_of(options(), 110000)
    assert command_of(options(checksum_errors="warn"), 110000).endswith(" NOVERIFY_CHECKSUMS")
    assert "VERIFY" not in command_of(options(checksum_errors="warn"), 100000)
    assert "VERIFY_CHECKSUMS 0" in command_of(options(checksum_errors="warn"), 180000)


def test_incremental_backups_came_with_17() -> None:
    assert command_of(options(parent=_Parent()), 170000).endswith(", INCREMENTAL)")
    with pytest.raises(UsageError, match="PostgreSQL 16"):
        command_of(options(parent=_Parent()), 160000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"checkpoint": "now"},
        {"checksum_errors": "ignore"},
        {"max_rate": 31},
        {"max_rate": 1048577},
        {"label": "two\nlines"},
        {"label": "x" * 1025},
        {"timeout": 0.0},
        {"compression": "lzo"},
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        PhysicalBackupSource(options(**wrong))


def _walked(*members: tuple[str, bytes], archive: str = "base.tar") -> BackupFiles:
    files = BackupFiles()
    walk = files.walk(archive)
    for path, content in members:
        walk.write(file_header(path, len(content), modified=1_700_000_000) + content + padding_of(len(content)))
    walk.write(END)
    walk.close()
    return files


def test_own_manifest_lists_what_a_servers_does() -> None:
    files = _walked(("backup_label", b"START"), ("pg_wal/0", b"log"), ("base/1/2", b""))
    manifest = files.own_manifest(WalRange(1, 10, 20))
    assert [(one.path, one.size, one.modified) for one in manifest.files] == [
        ("backup_label", 5, "2023-11-14 22:13:20 GMT"),
        ("base/1/2", 0, "2023-11-14 22:13:20 GMT"),
    ]
    assert files.kept == {"backup_label": b"START"}
    files.compare(manifest)


def test_paths_of_tablespaces() -> None:
    assert list(_walked(("PG_18/5/1", b""), archive="16384.tar").own_manifest(WalRange(1, 1, 1)).by_path()) == [
        "pg_tblspc/16384/PG_18/5/1"
    ]
    for name in ("pg_wal.tar", "../base.tar", "x.tar", "16384.tar.gz"):
        with pytest.raises(CorruptArtifactError):
            prefix_of(name)


def test_every_difference_is_found() -> None:
    files = _walked(("a", b"1"), ("b", b"22"), ("c", b"333"), ("extra", b""))
    right = {file.path: file for file in files.own_manifest(WalRange(1, 1, 1)).files}
    wrong = (
        ManifestFile("a", 1, "", "SHA256", "0" * 64),
        ManifestFile("b", 3, "", "SHA256", right["b"].checksum),
        right["c"],
        ManifestFile("gone", 0),
    )
    with pytest.raises(CorruptArtifactError) as caught:
        files.compare(BackupManifest(wrong, ()))
    for finding in ("a is damaged", "b has 2 bytes instead of 3", "extra is not listed", "gone is missing"):
        assert finding in caught.value.message
    assert "c is" not in caught.value.message


def test_a_file_that_comes_twice() -> None:
    with pytest.raises(CorruptArtifactError, match="twice"):
        _walked(("a", b"1"), ("a", b"1"))
