# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What encryption, uploads and checksums cost: against this engine without it, the library, the plain program."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from dbfleet.repository.records import FileRecord
from dbfleet.streams.age_keys import Identity
from tests import servers
from tests.unit.repository.samples import make_manifest
from tests.unit.repository.stored import store

from .cells import DBFLEET, SOURCE, TARGET, Cell, _fresh_target, _ours, _remove
from .measure import Command

_UPLOAD_BYTES = 512 << 20
_VERIFIED_BYTES = 2 << 30
_BLOCK = 1 << 20
# One process each: ours through the storage, theirs by the library's own call for a file.
_UPLOADS = {
    "ours": """
import sys
from dbfleet.repository.access import Access
from dbfleet.repository.s3_storage import S3Storage
url, path = sys.argv[1:3]
file = S3Storage(url, Access()).create("ours")
with open(path, "rb") as source:
    while True:
        data = source.read(1 << 20)
        if not data:
            break
        file.write(data)
file.close()
""",
    "theirs": """
import sys, urllib.parse, boto3
url, path = sys.argv[1:3]
parts = urllib.parse.urlsplit(url)
endpoint = urllib.parse.parse_qs(parts.query)["endpoint"][0]
boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").upload_file(path, parts.netloc, "theirs")
""",
}


def encryption_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """Backups and restores with encryption, against the same without."""
    identity = Identity.generate()
    key = folder / "identity"
    key.write_text(identity.text)
    key.chmod(0o600)
    for form, compress, *options in (("custom", "none"), ("custom", "gzip:6"), ("directory", "gzip:6", "--jobs", "2")):
        label = " ".join([form, compress.partition(":")[0], *options]).replace("--", "")
        sealed, clear = (folder / f"{kind}-{label.replace(' ', '-')}" for kind in ("sealed", "clear"))
        words = ["--database", SOURCE, "--format", form, "--compress", compress, *options]
        backup = Cell(
            f"encryption backup {label}",
            _ours(server, "backup", *words, "--dest", str(sealed), "--encrypt-to", identity.recipient.text),
            _ours(server, "backup", *words, "--dest", str(clear)),
            lambda paths=(sealed, clear): _remove(  # type: ignore[misc]
                [path for one in paths for path in (one, Path(f"{one}.manifest.json"))]
            ),
            (sealed, clear),
        )
        yield backup
        restore = ["--database", TARGET, *options]
        yield Cell(
            f"encryption restore {label}",
            _ours(server, "restore", *restore, "--source", str(sealed), "--identity-file", str(key)),
            _ours(server, "restore", *restore, "--source", str(clear)),
            lambda: _fresh_target(server),
            inputs=backup,
        )


def upload_cells(endpoint: str, bucket: str, credentials: dict[str, str], folder: Path) -> Iterator[Cell]:
    """A file into object storage."""
    source = folder / "upload"
    _random_file(source, _UPLOAD_BYTES)
    url = f"s3://{bucket}/bench?endpoint={endpoint}"
    ours, theirs = (
        Command([sys.executable, "-c", program, url, str(source)], {**os.environ, **credentials})
        for program in _UPLOADS.values()
    )
    yield Cell("upload 512 MB", ours, theirs, lambda: None, database="")


def checksum_cells(folder: Path) -> Iterator[Cell]:
    """A large backup's files against its manifest."""
    content = folder / "content"
    record = FileRecord("shop.dump", _VERIFIED_BYTES, _random_file(content, _VERIFIED_BYTES))
    place = folder / "verified"
    stored = store(place, make_manifest(files=(record,))) / record.path
    content.replace(stored)
    words = ["verify", str(stored.parent), "--level", "checksums", "--no-record", "--quiet"]
    theirs = Command(["sha256sum", str(stored)], {**os.environ})
    yield Cell("checksums 2 GB", Command([DBFLEET, *words], {**os.environ}), theirs, lambda: None, database="")


def _random_file(path: Path, size: int) -> str:
    """A file of ``size`` bytes that cannot be compressed; its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _number in range(size // _BLOCK):
            block = os.urandom(_BLOCK)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()
