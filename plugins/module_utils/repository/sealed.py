# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Records as sealed JSON: written canonically, read as untrusted input.

The last key, ``checksum``, is the SHA-256 of the text without it. It covers every byte, so no changed bit goes
unnoticed, not even in white space.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import hashlib
import io
import itertools
import json
import types
import typing as t

from ..errors import CorruptArtifactError

_CHECKSUM_LINE = ',\n "checksum": "{}"\n}}\n'
_CHECKSUM_LENGTH = len(_CHECKSUM_LINE.format("0" * 64))
_END = b"\n}"
_PIECES = 10000

_Record = t.TypeVar("_Record")
#: What becomes of an object of JSON as soon as it is read.
ObjectHook = t.Callable[[dict[str, t.Any]], t.Any]


def seal(fields: t.Mapping[str, t.Any]) -> bytes:
    """The canonical bytes of ``fields``, in which records may be nested."""
    encoder = json.JSONEncoder(indent=1, ensure_ascii=True, sort_keys=True, allow_nan=False, default=vars)
    pieces = encoder.iterencode(fields)
    text = io.BytesIO()
    # A backup of very many tables has millions of pieces: all of them in a list would be several times the text.
    while batch := list(itertools.islice(pieces, _PIECES)):
        text.write("".join(batch).encode("ascii"))
    # "checksum" goes last by hand: sorted with the others it would be in the middle of what it covers.
    with text.getbuffer() as written:
        checksum = _CHECKSUM_LINE.format(_checksum(written))
    text.seek(-len(_END), io.SEEK_END)
    text.write(checksum.encode("ascii"))
    return text.getvalue()


def load_sealed(
    data: bytes, *, what: str, version_key: str, version: int, hook: ObjectHook | None = None
) -> dict[str, t.Any]:
    """The fields that :func:`seal` wrote, without version and checksum.

    :param what: what it is and its path, for error messages.
    :param hook: see :func:`records_at_once`.
    :raises CorruptArtifactError: they are not sealed JSON, were changed since, or are of another version.
    """
    fields = _load(data, what, hook)
    found = fields.pop(version_key, None)
    if found.__class__ is not int or found != version:
        raise CorruptArtifactError(
            f"{what} has version {found!r}, this program knows {version}",
            hint="use the version of dbfleet that wrote it, or a newer one",
        )
    fields.pop("checksum", None)
    with memoryview(data) as view:
        # Not one copy of what may be many megabytes.
        checksum = _CHECKSUM_LINE.format(_checksum(view[:-_CHECKSUM_LENGTH], _END)).encode("ascii")
    if not data.endswith(checksum):
        raise CorruptArtifactError(
            f"{what} was changed after it was written (its checksum does not match)",
            hint="do not trust this backup; use another one",
        )
    return fields


def sealed_text(data: bytes) -> bytes:
    """What the checksum of sealed JSON covers, but for the end of the object."""
    return data[:-_CHECKSUM_LENGTH]


def records_at_once(
    records: t.Iterable[type], known: t.Mapping[t.Any, t.Any] = types.MappingProxyType({})
) -> ObjectHook:
    """For :func:`load_sealed`, where there are very many objects that are to become records without others inside.

    Each becomes its record while the text is read, so that never all of them are there as dictionaries too. What does
    not fit is left to :func:`decode`, which knows the place.

    :param known: records that are there already, by themselves: an equal one takes no memory then.
    """
    kinds = {tuple(sorted(_fields_of(record)[0])): record for record in records}

    def hook(fields: dict[str, t.Any]) -> t.Any:
        # The names in the order in which they are always written.
        kind = kinds.get(tuple(fields))
        if kind is None:
            return fields
        try:
            record = _decode_record(kind, fields, "")
        except CorruptArtifactError:
            return fields
        return known.get(record, record) if known else record

    return hook


def decode(record: type[_Record], fields: t.Mapping[str, t.Any], *, what: str) -> _Record:
    """``fields`` (parsed JSON) as a frozen dataclass, every field of exactly its type.

    :raises CorruptArtifactError: they do not fit; the error names the place.
    """
    return t.cast(_Record, _decode(record, fields, f"{what}: "))


def _checksum(*texts: bytes | memoryview) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text)
    return digest.hexdigest()


def _load(data: bytes, what: str, hook: ObjectHook | None) -> dict[str, t.Any]:
    try:
        fields = json.loads(data, parse_constant=_refuse_constant, object_hook=hook)
    except (ValueError, RecursionError) as error:
        raise CorruptArtifactError(f"{what} is not valid JSON: {error}") from error
    if not isinstance(fields, dict):
        raise CorruptArtifactError(f"{what} is not a JSON object")
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
        return _plain(value, place)
    if expected is float and value.__class__ is int:
        return float(value)
    if value.__class__ is not expected:
        raise _mismatch(place, f"of the type {expected.__name__}")
    return value


def _plain(value: t.Any, place: str) -> t.Any:
    """A value of any kind, in which :func:`records_at_once` must not have found a record."""
    if dataclasses.is_dataclass(value):
        raise _mismatch(place, "plain data")
    for element in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _plain(element, place)
    return value


def _decode_record(record: type, value: t.Any, place: str) -> t.Any:
    if value.__class__ is record:
        return value
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
