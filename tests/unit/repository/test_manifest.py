# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from dbfleet.errors import CorruptArtifactError, StorageError
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.manifest import parse_manifest, render_manifest
from dbfleet.repository.records import LargeObjectsRecord, Manifest, SetMember
from tests.unit.repository.samples import SET, make_globals, make_manifest, manifests

GUIDE = Path(__file__).parents[3] / "docs" / "internals" / "repository.md"


def signed(fields: Any) -> bytes:
    """A manifest with a right checksum whatever it says, as a stranger could write it."""
    text = json.dumps(fields, indent=1, sort_keys=True)
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return f'{text[:-2]},\n "checksum": "{checksum}"\n}}\n'.encode()


def fields_of(manifest: Manifest) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(render_manifest(manifest))
    del fields["checksum"]
    return fields


def parse(data: bytes) -> Manifest:
    return parse_manifest(data, name="/backups/x/manifest.json")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(manifests())
def test_round_trip(manifest: Manifest) -> None:
    rendered = render_manifest(manifest)
    found = parse(rendered)
    assert found == manifest
    assert render_manifest(found) == rendered
    assert rendered.isascii()


def test_what_is_known_already_is_taken_where_it_is_equal() -> None:
    """Reading what was just written must not hold it twice; and it reads what is there, whatever is known."""
    manifest = make_manifest()
    rendered = render_manifest(manifest)
    found = parse_manifest(rendered, name="x", known=manifest)
    assert found == manifest
    assert found.files[0] is manifest.files[0]
    assert found.contents.tables[0] is manifest.contents.tables[0]
    changed = dataclasses.replace(manifest, files=tuple(dataclasses.replace(one, size=7) for one in manifest.files))
    assert parse_manifest(rendered, name="x", known=changed) == manifest


def test_an_option_is_not_taken_for_a_file() -> None:
    fields = fields_of(make_manifest())
    fields["contents"]["options"] = {"x": [dict(fields["files"][0])]}
    with pytest.raises(CorruptArtifactError, match=r"contents\.options.*plain data"):
        parse(signed(fields))


def test_it_is_readable_json_with_the_checksum_at_the_end() -> None:
    lines = render_manifest(make_manifest()).decode().splitlines()
    assert lines[0] == "{"
    assert lines[-2].startswith(' "checksum": "')
    assert json.loads("\n".join(lines))["contents"]["tables"][0]["rows"] == 3


def test_the_checksum_is_that_of_the_text_without_it() -> None:
    """As the guide says, so that anybody can check it without this program."""
    text = render_manifest(make_manifest()).decode()
    body, _comma, tail = text.rpartition(",\n")
    assert json.loads("{" + tail)["checksum"] == hashlib.sha256(f"{body}\n}}".encode()).hexdigest()


def test_every_changed_bit_is_noticed() -> None:
    rendered = render_manifest(make_manifest())
    for position in range(len(rendered) * 8):
        damaged = bytearray(rendered)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(CorruptArtifactError):
            parse(bytes(damaged))


def test_every_missing_added_or_doubled_byte_is_noticed() -> None:
    rendered = render_manifest(make_manifest())
    for position in range(len(rendered)):
        for damaged in (
            rendered[:position],
            rendered[:position] + rendered[position + 1 :],
            rendered[:position] + b" " + rendered[position:],
            rendered[: position + 1] + rendered[position:],
        ):
            with pytest.raises(CorruptArtifactError):
                parse(damaged)
    with pytest.raises(CorruptArtifactError):
        parse(rendered + b"\n")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"\0" * 50]
    + [signed({}), signed({"manifest_version": 1}), b'{"manifest_version": 1}'],
)
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(CorruptArtifactError) as caught:
        parse(data)
    assert "/backups/x/manifest.json" in caught.value.message
    assert caught.value.context["path"] == "/backups/x/manifest.json"


@pytest.mark.parametrize("version", [0, 2, "1", True, 1.0, None, [1]])
def test_another_version_is_named(version: object) -> None:
    with pytest.raises(CorruptArtifactError, match="has version .*this program knows 1") as caught:
        parse(signed({**fields_of(make_manifest()), "manifest_version": version}))
    assert "newer" in caught.value.hint


def test_a_later_manifest_with_another_checksum_is_of_another_version_first_of_all() -> None:
    with pytest.raises(CorruptArtifactError, match="has version 2"):
        parse(json.dumps({"manifest_version": 2, "signature": "..."}).encode())


WRONG_TYPES: list[tuple[tuple[Any, ...], Any]] = [
    (("id",), 1),
    (("id",), None),
    (("server",), []),
    (("server",), "db1"),
    (("server", "port"), "5432"),
    (("server", "port"), True),
    (("server", "port"), 5432.0),
    (("server", "version_number"), None),
    (("contents", "tables"), {}),
    (("contents", "tables", 0), None),
    (("contents", "tables", 0, "rows"), "3"),
    (("contents", "tables", 0, "rows"), 3.5),
    (("contents", "objects"), [1]),
    (("contents", "objects", "table"), "one"),
    (("contents", "snapshot"), "0/1"),
    (("files",), None),
    (("files", 0), ["shop.dump"]),
    (("files", 0, "size"), 1e3),
    (("duration",), "1"),
    (("duration",), True),
    (("warnings",), "text"),
    (("warnings", 0), 7),
]
NONSENSE: list[tuple[tuple[Any, ...], Any]] = [
    (("id",), "../../../etc"),
    (("id",), "20260102T030405Z-physical"),
    (("started_at",), "yesterday"),
    (("started_at",), "2026-01-02T03:04:05"),
    (("finished_at",), "2026-01-02T03:04:05+02:00"),
    (("duration",), -1),
    (("files", 0, "path"), "../shop.dump"),
    (("files", 0, "path"), "/etc/passwd"),
    (("files", 0, "path"), ""),
    (("files", 0, "size"), -1),
    (("files", 0, "sha256"), ""),
    (("files", 0, "sha256"), "A" * 64),
    (("files", 0, "sha256"), "a" * 63),
    (("files",), []),
    (("contents", "artifact"), ""),
    (("contents", "artifact"), ".."),
    (("contents", "artifact"), "shop"),
    (("contents", "tables", 0, "rows"), -1),
    (("contents", "tables", 0, "bytes"), -1),
    (("contents", "tables", 0, "sha256"), "none"),
]


def changed(path: tuple[Any, ...], value: Any) -> bytes:
    fields: Any = fields_of(make_manifest())
    inner = fields
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return signed(fields)


@pytest.mark.parametrize(("path", "value"), WRONG_TYPES)
def test_wrong_types_are_named(path: tuple[Any, ...], value: Any) -> None:
    place = ".".join(str(key) for key in path).replace(".0", "[0]")
    with pytest.raises(CorruptArtifactError) as caught:
        parse(changed(path, value))
    assert f"manifest.json: {place} is not" in caught.value.message
    assert caught.value.context["path"] == "/backups/x/manifest.json"


@pytest.mark.parametrize(("path", "value"), NONSENSE)
def test_what_makes_no_sense_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(CorruptArtifactError, match="makes no sense"):
        parse(changed(path, value))


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "shop"},
        {"set": "20260102T030406Z-globals"},
        {"set": ""},
        {"members": (SetMember("shop", "20260102T030406Z-logical"),) * 2},
        {"members": (SetMember("", "20260102T030406Z-logical"),)},
        {"members": (SetMember("shop", "../../etc"),)},
    ],
)
def test_a_set_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    assert parse(render_manifest(make_globals())) == make_globals()
    with pytest.raises(CorruptArtifactError, match="makes no sense"):
        parse(render_manifest(make_globals(**changes)))


@pytest.mark.parametrize("change", [{"count": -1}, {"bytes": -1}, {"sha256": ""}])
def test_large_objects_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    record = LargeObjectsRecord(2, 11, "0" * 64)

    def holding(one: LargeObjectsRecord) -> Manifest:
        manifest = make_manifest()
        return dataclasses.replace(manifest, contents=dataclasses.replace(manifest.contents, large_objects=(one,)))

    assert parse(render_manifest(holding(record))).contents.large_objects == (record,)
    with pytest.raises(CorruptArtifactError, match="makes no sense: the .* large objects"):
        parse(render_manifest(holding(dataclasses.replace(record, **change))))


def test_only_globals_have_no_database_and_members() -> None:
    members = make_globals().members
    for changes in ({"database": ""}, {"set": "20260102T030405Z-logical"}, {"set": SET, "members": members}):
        with pytest.raises(CorruptArtifactError, match="makes no sense"):
            parse(render_manifest(make_manifest(**changes)))


def test_two_records_of_one_file_are_refused() -> None:
    record = make_manifest().files[0]
    with pytest.raises(CorruptArtifactError, match="twice"):
        parse(render_manifest(make_manifest(files=(record, record))))


def test_unknown_fields_are_refused_by_name() -> None:
    for path in (("later",), ("server", "later"), ("files", 0, "later"), ("contents", "tables", 0, "later")):
        with pytest.raises(CorruptArtifactError, match=r"unknown fields \['later'\]") as caught:
            parse(changed(path, 1))
        assert "newer" in caught.value.hint


def test_a_field_that_came_later_may_be_missing() -> None:
    """Fields with a default are the ones that can be added without a new version of the manifest."""
    fields = fields_of(make_manifest())
    del fields["warnings"]
    del fields["contents"]["options"]
    del fields["server"]["identifier"]
    found = parse(signed(fields))
    assert (found.warnings, found.contents.options, found.server.identifier) == ((), {}, "")


@pytest.mark.parametrize("name", ["id", "files", "server", "started_at"])
def test_missing_fields_are_refused_by_name(name: str) -> None:
    fields = fields_of(make_manifest())
    del fields[name]
    with pytest.raises(CorruptArtifactError, match=rf"missing fields \['{name}'\]"):
        parse(signed(fields))


def test_numbers_that_json_does_not_have_are_neither_written_nor_read() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            render_manifest(make_manifest(duration=value))
        with pytest.raises(CorruptArtifactError, match="not JSON"):
            parse(changed(("duration",), value))


def test_a_manifest_of_any_size_is_read_up_to_a_bound(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"x" * 100)
    storage = LocalStorage(str(tmp_path))
    assert storage.read_small("manifest.json", 100) == b"x" * 100
    with pytest.raises(StorageError, match="larger than the 99 bytes"):
        storage.read_small("manifest.json", 99)


def test_sums() -> None:
    manifest = make_manifest()
    assert (manifest.size, manifest.rows) == (69, 3)
    two = dataclasses.replace(manifest.contents, tables=manifest.contents.tables * 2)
    assert dataclasses.replace(manifest, contents=two).rows == 6


def test_the_guide_s_example_is_a_manifest() -> None:
    example = GUIDE.read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0]
    found = parse(example.encode())
    assert render_manifest(found).decode() == example
