# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Manifests and trees for the tests of the repository and of the jobs."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from dbfleet.repository.publication import Publication
from dbfleet.repository.records import BackupContents, FileRecord, Manifest, ServerIdentity, SetMember, TableRecord

CONTENT = b"PGDMP and what follows\n" * 3


def make_manifest(**changes: Any) -> Manifest:
    """A manifest of one file ``shop.dump`` that holds :data:`CONTENT`."""
    manifest = Manifest(
        id="20260102T030405Z-logical",
        kind="logical",
        cluster="db1-5432",
        database="shop",
        server=ServerIdentity("postgresql", "16.4", 160004, "db1", 5432, "7400000000000000000"),
        contents=BackupContents(
            format="custom",
            artifact="shop.dump",
            compression="gzip:6",
            snapshot={"lsn": "0/16B3748", "snapshot_id": "00000003-0000001B-1"},
            tables=(TableRecord("public", "orders", 3, 60, hashlib.sha256(b"rows").hexdigest()),),
            objects={"table": 1, "index": 2},
            options={"jobs": 1, "exclude": ["a", None]},
        ),
        files=(FileRecord("shop.dump", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()),),
        engine_version="0.1.0",
        started_at="2026-01-02T03:04:05+00:00",
        finished_at="2026-01-02T03:04:06+00:00",
        duration=1.25,
        warnings=("one\nwarning",),
    )
    return dataclasses.replace(manifest, **changes)


SET = "20260102T030405Z-globals"


def make_globals(**changes: Any) -> Manifest:
    """A manifest of globals that tie a set of two databases together."""
    members = (SetMember("shop", "20260102T030406Z-logical"), SetMember("forum", "20260102T030409Z-logical"))
    return make_manifest(**{"id": SET, "kind": "globals", "database": "", "set": SET, "members": members, **changes})


def write_backup(publication: Publication, content: bytes = CONTENT, *, path: str = "shop.dump") -> FileRecord:
    """Write one file as an engine does."""
    file = publication.create(path)
    file.write(content)
    file.close()
    return publication.records()[0]


def tree(folder: Path | str) -> dict[str, tuple[int, int, bytes]]:
    """Everything below a folder: mode, modification time in nanoseconds and content, by path."""
    found = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files, "."):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            content = Path(path).read_bytes() if os.path.isfile(path) else b""
            found[os.path.relpath(path, folder)] = (status.st_mode, status.st_mtime_ns, content)
    return found


_TEXT = st.text(max_size=20)
_COUNT = st.integers(0, 2**63)
_SHA256 = st.binary(max_size=5).map(lambda data: hashlib.sha256(data).hexdigest())
_PLAIN_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
_SERVERS = st.builds(ServerIdentity, _TEXT, _TEXT, st.integers(), _TEXT, st.integers(0, 65535), _TEXT)
_TABLES = st.builds(TableRecord, _TEXT, _TEXT, _COUNT, _COUNT, st.just("") | _SHA256)
_NAMES = st.text(min_size=1, max_size=10).filter(lambda name: name not in (".", "..") and not {"/", "\0"} & set(name))


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Any manifest that a backup could have."""
    artifact = draw(_NAMES)
    paths = draw(st.lists(st.lists(_NAMES, max_size=2), max_size=4, unique_by=tuple))
    files = [FileRecord("/".join([artifact, *parts]), draw(_COUNT), draw(_SHA256)) for parts in paths or [[]]]
    contents = BackupContents(
        format=draw(_TEXT),
        artifact=artifact,
        compression=draw(_TEXT),
        snapshot=draw(st.dictionaries(_TEXT, _PLAIN_DATA, max_size=3)),
        tables=tuple(draw(st.lists(_TABLES, max_size=3))),
        objects=draw(st.dictionaries(_TEXT, _COUNT, max_size=3)),
        options=draw(st.dictionaries(_TEXT, _PLAIN_DATA, max_size=3)),
    )
    members = st.builds(SetMember, st.text(min_size=1, max_size=9), st.just("20260102T030406Z-logical"))
    fields = draw(st.sampled_from([{}, {"set": SET}, {"kind": "globals", "id": SET}]))
    if "kind" in fields:
        fields = {**fields, "database": "", "set": draw(st.sampled_from(["", SET]))}
        if fields["set"]:
            fields["members"] = tuple(draw(st.lists(members, max_size=3, unique_by=lambda one: one.database)))
    return make_manifest(
        cluster=draw(_TEXT),
        **{"database": draw(_TEXT.filter(bool)), **fields},
        server=draw(_SERVERS),
        contents=contents,
        files=tuple(files),
        duration=draw(st.floats(0, 1e9)),
        warnings=tuple(draw(st.lists(_TEXT, max_size=3))),
    )
