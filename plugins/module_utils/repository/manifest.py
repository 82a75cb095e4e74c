# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The manifest as JSON: written canonically, read as untrusted input.

The last key, ``checksum``, is the SHA-256 of the canonical text without it. Reading renders what was parsed again and
compares every byte, so no changed bit of a manifest goes unnoticed, not even in white space.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import hashlib
import json
import typing as t

from ..errors import CorruptArtifactError
from .records import Manifest

MANIFEST_VERSION = 1
LARGEST_MANIFEST = 256 << 20


def render_manifest(manifest: Manifest) -> bytes:
    """The canonical bytes of a manifest."""
    return _render({"manifest_version": MANIFEST_VERSION, **dataclasses.asdict(manifest)})


def parse_manifest(data: bytes, *, name: str) -> Manifest:
    """Read a manifest's bytes.

    :param name: its path, for error messages.
    :raises CorruptArtifactError: it is not what :func:`render_manifest` writes, or was changed since.
    """
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptArtifactError(f"the manifest {name} is not valid JSON: {error}", path=name) from error
    if not isinstance(fields, dict):
        raise CorruptArtifactError(f"the manifest {name} is not a JSON object", path=name)
    version = fields.pop("manifest_version", None)
    if version != MANIFEST_VERSION:
        raise CorruptArtifactError(
            f"the manifest {name} has version {version!r}, this program knows {MANIFEST_VERSION}",
            hint="use the version of dbfleet that wrote it, or a newer one",
            path=name,
        )
    checksum = fields.pop("checksum", None)
    if _render({"manifest_version": version, **fields}) != data:
        raise CorruptArtifactError(
            f"the manifest {name} was changed after it was written (its checksum does not match)",
            hint="do not trust this backup; use another one",
            path=name,
            checksum=checksum if isinstance(checksum, str) else None,
        )
    manifest = _decode(Manifest, fields, name)
    return t.cast(Manifest, manifest)


def _render(fields: t.Mapping[str, t.Any]) -> bytes:
    body = json.dumps(fields, indent=1, ensure_ascii=True, sort_keys=True)
    checksum = hashlib.sha256(body.encode("ascii")).hexdigest()
    # "checksum" goes last by hand: sorted with the others it would move whenever a field is added.
    return f'{body[:-2]},\n "checksum": "{checksum}"\n}}\n'.encode("ascii")


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
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        raise _mismatch(place, expected.__name__)
    return value


def _decode_record(record: type, value: t.Any, place: str) -> t.Any:
    if not isinstance(value, dict):
        raise _mismatch(place, "an object")
    hints = t.get_type_hints(record)
    unknown = sorted(set(value) - set(hints))
    missing = sorted(set(hints) - set(value))
    if unknown or missing:
        raise CorruptArtifactError(f"{place}: unknown fields {unknown}, missing fields {missing}")
    return record(**{key: _decode(hints[key], element, f"{place}.{key}") for key, element in value.items()})


def _mismatch(place: str, wanted: str) -> CorruptArtifactError:
    return CorruptArtifactError(f"{place} is not {wanted}")
