# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The manifest as sealed JSON, read as untrusted input."""

from __future__ import annotations

import datetime
import re
import typing as t

from ..errors import CorruptArtifactError
from .layout import GLOBALS, PHYSICAL, is_backup_id, is_safe_path
from .records import FileRecord, Manifest, TableRecord
from .sealed import decode, load_sealed, records_at_once, seal

MANIFEST_VERSION = 1
LARGEST_MANIFEST = 256 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def render_manifest(manifest: Manifest) -> bytes:
    """The canonical bytes of a manifest."""
    return seal({"manifest_version": MANIFEST_VERSION, **vars(manifest)})


def parse_manifest(data: bytes, *, name: str, known: Manifest | None = None) -> Manifest:
    """Read a manifest's bytes.

    :param name: its path, for error messages.
    :param known: one that is in memory and probably has the same files and tables, of which there may be very many.
    :raises CorruptArtifactError: it is not what :func:`render_manifest` writes, was changed since, or makes no sense.
    """
    what = f"the manifest {name}"
    there = (*known.files, *known.contents.tables) if known is not None else ()
    hook = records_at_once((FileRecord, TableRecord), {record: record for record in there})
    try:
        fields = load_sealed(data, what=what, version_key="manifest_version", version=MANIFEST_VERSION, hook=hook)
        manifest = decode(Manifest, fields, what=what)
    except CorruptArtifactError as error:
        error.context["path"] = name
        raise
    nonsense = list(_nonsense(manifest))
    if nonsense:
        raise CorruptArtifactError(f"the manifest {name} makes no sense: {'; '.join(nonsense[:5])}", path=name)
    return manifest


def _nonsense(manifest: Manifest) -> t.Iterator[str]:
    """What the types allow and no backup has."""
    if not is_backup_id(manifest.id) or not manifest.id.endswith(f"-{manifest.kind}"):
        yield f"the id {manifest.id!r}"
    if (manifest.kind in (GLOBALS, PHYSICAL)) != (manifest.database == ""):
        yield f"the database {manifest.database!r} of a backup of the kind {manifest.kind}"
    yield from _nonsense_of_set(manifest)
    for text in (manifest.started_at, manifest.finished_at):
        if not _is_utc_time(text):
            yield f"the time {text!r}"
    if not manifest.duration >= 0:
        yield f"the duration {manifest.duration}"
    paths = [record.path for record in manifest.files]
    if len(set(paths)) != len(paths):
        yield "a file that is there twice"
    for record in manifest.files:
        if not is_safe_path(record.path) or record.size < 0 or not _SHA256.match(record.sha256):
            yield f"the file {record.path!r}"
    yield from _nonsense_of_encryption(manifest)
    artifact = manifest.contents.artifact
    if not any(path == artifact or path.startswith(f"{artifact}/") for path in paths) or not is_safe_path(artifact):
        yield f"the artifact {artifact!r}, of which there is no file"
    yield from _nonsense_of_tables(manifest)


def _nonsense_of_tables(manifest: Manifest) -> t.Iterator[str]:
    for table in manifest.contents.tables:
        if table.rows < 0 or table.bytes < 0 or not (table.sha256 == "" or _SHA256.match(table.sha256)):
            yield f"the table {table.schema}.{table.name}"
        if table.parts and (min(table.parts) < 0 or sum(table.parts) != table.bytes):
            yield f"the parts of the table {table.schema}.{table.name}"
    for objects in manifest.contents.large_objects:
        if objects.count < 0 or objects.bytes < 0 or not _SHA256.match(objects.sha256):
            yield f"the {objects.count} large objects"


def _nonsense_of_encryption(manifest: Manifest) -> t.Iterator[str]:
    encryption = manifest.encryption
    if encryption.method not in ("", "age") or bool(encryption.method) != bool(encryption.recipients):
        yield f"the encryption {encryption.method!r} to {len(encryption.recipients)} recipients"


def _nonsense_of_set(manifest: Manifest) -> t.Iterator[str]:
    if manifest.set and not manifest.set.endswith(f"-{GLOBALS}"):
        yield f"the set {manifest.set!r}"
    if manifest.kind == GLOBALS and manifest.set not in ("", manifest.id):
        yield f"the set {manifest.set!r} of other globals"
    if manifest.members and (manifest.kind != GLOBALS or not manifest.set):
        yield "members without a set"
    databases = [member.database for member in manifest.members]
    if len(set(databases)) != len(databases):
        yield "a database that is in the set twice"
    for member in manifest.members:
        if not member.database or not is_backup_id(member.backup):
            yield f"the member {member.backup!r}"


def _is_utc_time(text: str) -> bool:
    try:
        return datetime.datetime.fromisoformat(text).utcoffset() == datetime.timedelta(0)
    except ValueError:
        return False
