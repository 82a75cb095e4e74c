# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The manifest as JSON: written canonically, read as untrusted input.

The last key, ``checksum``, is the SHA-256 of the text without it. It covers every byte, so no changed bit of a
manifest goes unnoticed, not even in white space.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import functools
import hashlib
import json
import re
import typing as t

from ..errors import CorruptArtifactError
from .layout import GLOBALS, is_backup_id, is_safe_path
from .records import Manifest

MANIFEST_VERSION = 1
LARGEST_MANIFEST = 256 << 20

_CHECKSUM_LINE = ',\n "checksum": "{}"\n}}\n'
_CHECKSUM_LENGTH = len(_CHECKSUM_LINE.format("0" * 64))
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def render_manifest(manifest: Manifest) -> bytes:
    """The canonical bytes of a manifest."""
    fields = {"manifest_version": MANIFEST_VERSION, **vars(manifest)}
    text = json.dumps(fields, indent=1, ensure_ascii=True, sort_keys=True, allow_nan=False, default=vars)
    # "checksum" goes last by hand: sorted with the others it would be in the middle of what it covers.
    return (text[:-2] + _CHECKSUM_LINE.format(_checksum(text.encode("ascii")))).encode("ascii")


def parse_manifest(data: bytes, *, name: str) -> Manifest:
    """Read a manifest's bytes.

    :param name: its path, for error messages.
    :raises CorruptArtifactError: it is not what :func:`render_manifest` writes, was changed since, or makes no sense.
    """
    fields = _load(data, name)
    version = fields.pop("manifest_version", None)
    if version.__class__ is not int or version != MANIFEST_VERSION:
        raise CorruptArtifactError(
            f"the manifest {name} has version {version!r}, this program knows {MANIFEST_VERSION}",
            hint="use the version of dbfleet that wrote it, or a newer one",
            path=name,
        )
    fields.pop("checksum", None)
    body = data[:-_CHECKSUM_LENGTH]
    if data != body + _CHECKSUM_LINE.format(_checksum(body + b"\n}")).encode("ascii"):
        raise CorruptArtifactError(
            f"the manifest {name} was changed after it was written (its checksum does not match)",
            hint="do not trust this backup; use another one",
            path=name,
        )
    try:
        manifest = t.cast(Manifest, _decode(Manifest, fields, f"the manifest {name}: "))
    except CorruptArtifactError as error:
        error.context["path"] = name
        raise
    nonsense = list(_nonsense(manifest))
    if nonsense:
        raise CorruptArtifactError(f"the manifest {name} makes no sense: {'; '.join(nonsense[:5])}", path=name)
    return manifest


def _checksum(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _load(data: bytes, name: str) -> dict[str, t.Any]:
    try:
        fields = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CorruptArtifactError(f"the manifest {name} is not valid JSON: {error}", path=name) from error
    if not isinstance(fields, dict):
        raise CorruptArtifactError(f"the manifest {name} is not a JSON object", path=name)
    return fields


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _decode(expected: t.Any, value: t.Any, place: str) -> t.Any:
    """``value`` (parsed JSON) as the ``expected`` type; every mismatch is an error that names the place."""
    if dataclasses.is_dataclass(expected):
        return _decode_record(t.cast(type, expected), value, place)
    origin = t.get_origin(expected)
    if origin is tuple:
        if not isinstance(value, list):
            raise _mismatch(place, "a list")
        item = t.get_args(expected)[0]
        return tuple(_decode(item, element, f"{place}[{index}]") for index, element in enumerate(value))
    if origin is collections.abc.Mapping:
        if not isinstance(value, dict):
            raise _mismatch(place, "an object")
        item = t.get_args(expected)[1]
        return {key: _decode(item, element, f"{place}.{key}") for key, element in value.items()}
    if expected is t.Any:
        return value
    if expected is float and value.__class__ is int:
        return float(value)
    if value.__class__ is not expected:
        raise _mismatch(place, f"of the type {expected.__name__}")
    return value


def _decode_record(record: type, value: t.Any, place: str) -> t.Any:
    if not isinstance(value, dict):
        raise _mismatch(place, "an object")
    hints, required = _fields_of(record)
    if not hints.keys() >= value.keys() >= required:
        unknown, missing = sorted(value.keys() - hints.keys()), sorted(required - value.keys())
        cause = f"unknown fields {unknown}" if unknown else f"missing fields {missing}"
        raise CorruptArtifactError(
            f"{place}{cause}", hint="use a newer version of dbfleet if one wrote this backup" if unknown else ""
        )
    separator = "" if place.endswith(" ") else "."
    return record(
        **{
            # Most fields are of the very type: a manifest may list very many tables.
            key: element
            if element.__class__ is hints[key]
            else _decode(hints[key], element, f"{place}{separator}{key}")
            for key, element in value.items()
        }
    )


@functools.cache
def _fields_of(record: type) -> tuple[dict[str, t.Any], frozenset[str]]:
    """The types of a record's fields by name, and the fields that must be there."""
    # A field that came later has a default, so that older manifests stay readable.
    required = frozenset(field.name for field in dataclasses.fields(record) if _has_no_default(field))
    return t.get_type_hints(record), required


def _has_no_default(field: dataclasses.Field[t.Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _mismatch(place: str, wanted: str) -> CorruptArtifactError:
    return CorruptArtifactError(f"{place} is not {wanted}")


def _nonsense(manifest: Manifest) -> t.Iterator[str]:
    """What the types allow and no backup has."""
    if not is_backup_id(manifest.id) or not manifest.id.endswith(f"-{manifest.kind}"):
        yield f"the id {manifest.id!r}"
    if (manifest.kind == GLOBALS) != (manifest.database == ""):
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
