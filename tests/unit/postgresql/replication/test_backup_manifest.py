# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json

import pytest

from dbfleet.errors import CorruptArtifactError
from dbfleet.postgresql.replication.backup_manifest import (
    BackupManifest,
    ManifestCheck,
    ManifestFile,
    WalRange,
    format_backup_manifest,
    new_checksum,
    parse_backup_manifest,
)

CONTENT = b"16\n"
# In the form that the server of version 17 writes.
TEXT = (
    b'{ "PostgreSQL-Backup-Manifest-Version": 2,\n'
    b'"System-Identifier": 7710982110152258435,\n'
    b'"Files": [\n'
    b'{ "Path": "PG_VERSION", "Size": 3, "Last-Modified": "2026-11-22 23:44:19 GMT", "Checksum-Algorithm": "SHA256", '
    b'"Checksum": "' + hashlib.sha256(CONTENT).hexdigest().encode() + b'" },\n'
    b'{ "Encoded-Path": "666fff", "Size": 0, "Last-Modified": "2026-11-22 23:44:19 GMT" }\n'
    b"],\n"
    b'"WAL-Ranges": [\n'
    b'{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "1/20001A0" }\n'
    b"],\n"
)


def sealed(text: bytes) -> bytes:
    return text + b'"Manifest-Checksum": "' + hashlib.sha256(text).hexdigest().encode() + b'"}\n'


def test_reads_what_the_server_writes_and_writes_it_again() -> None:
    manifest = parse_backup_manifest(sealed(TEXT))
    assert manifest.system_identifier == 7710982110152258435
    assert [file.path for file in manifest.files] == ["PG_VERSION", "fo\udcff"]
    assert manifest.wal_ranges == (WalRange(1, 0x2000028, 0x1020001A0),)
    assert format_backup_manifest(manifest) == sealed(TEXT)


@pytest.mark.parametrize("position", range(0, len(sealed(TEXT)), 7))
def test_notices_every_flipped_bit_and_every_cut(position: int) -> None:
    data = bytearray(sealed(TEXT))
    data[position] ^= 1
    with pytest.raises(CorruptArtifactError):
        parse_backup_manifest(bytes(data))
    with pytest.raises(CorruptArtifactError):
        parse_backup_manifest(sealed(TEXT)[:position])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"PG_VERSION", b"../../etc/passwd"),
        (b"PG_VERSION", b"/etc/passwd"),
        (b"PG_VERSION", b"a//b"),
        (b"666fff", b"2e2e2f78"),
        (b"666fff", b"50475f56455253494f4e"),
        (b'"Size": 3', b'"Size": -3'),
        (b'"Size": 3', b'"Size": true'),
        (b'"Size": 3', b'"Size": 3.5'),
        (b'"SHA256"', b'"MD5"'),
        (b'"Checksum-Algorithm": "SHA256", ', b""),
        (b"Version", b"Fashion"),
        (b'Version": 2', b'Version": 3'),
        (b'"0/2000028"', b'"2/0"'),
        (b'"Timeline": 1', b'"Timeline": 0'),
        (b'"Files": [', b'"Files": {"a": ['),
        (TEXT, b"[" * 100000 + b"\n"),
    ],
)
def test_refuses_what_no_server_would_write(old: bytes, new: bytes) -> None:
    assert old in TEXT
    with pytest.raises(CorruptArtifactError):
        parse_backup_manifest(sealed(TEXT.replace(old, new)))


def test_checks_files_that_pass_by() -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    files = tuple(ManifestFile(name, 3, "", "SHA256", digest) for name in ("whole", "short", "changed", "missing"))
    check = ManifestCheck(BackupManifest((*files, ManifestFile("standby.signal", 0)), ()))
    findings = []
    for name, content in (("whole", CONTENT), ("short", b"1"), ("changed", b"17\n")):
        one = check.file(name)
        assert one is not None
        one.update(content)
        findings.append(one.finding())
    assert findings[0] == ""
    assert findings[1] == "short has 1 bytes instead of 3"
    assert findings[2].startswith("changed is damaged")
    assert check.findings() == ["missing is missing"]
    assert check.file("pg_wal/000000010000000000000002") is None
    assert check.file("backup_manifest") is None
    with pytest.raises(CorruptArtifactError, match="does not list"):
        check.file("base/1/666")
    with pytest.raises(CorruptArtifactError, match="does not list"):
        check.file("whole")


def test_names_are_escaped() -> None:
    name = 'a"b\\c\nd\u00e9'
    text = format_backup_manifest(BackupManifest((ManifestFile(name, 1),), ()))
    assert json.loads(text)["Files"][0]["Path"] == name
    assert parse_backup_manifest(text).files[0].path == name


def test_crc32c_is_written_in_little_endian_order() -> None:
    checksum = new_checksum("CRC32C")
    assert checksum.hexdigest() == "00000000"
    checksum.update(b"123456789")
    assert checksum.hexdigest() == "839206e3"
