# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The digests of a folder's tables: of its files' content, whatever these are stored as, and what is made of them."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import CorruptArtifactError
from dbfleet.mysql.connection import connect
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import RestoreOptions, ScriptForm, Selection
from dbfleet.mysql.restored_rows import compare_restored
from dbfleet.mysql.script_files import ScriptFile, Scripts, Splitter
from dbfleet.mysql.script_source import ScriptSource
from dbfleet.mysql.script_walk import summarize
from dbfleet.progress import Progress
from dbfleet.repository.access import Access
from dbfleet.repository.artifact import open_artifact
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.records import Manifest, TableRecord
from dbfleet.restore import Origin, RestoreRequest, RestoreResult, restore
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.digest import combined_digest
from dbfleet.streams.encryption import NOT_ENCRYPTED, Encryption
from tests.servers import Server

from .backup_support import options, scratch
from .restore_support import connected, connection_options, fill

ROWS = 60_000


def _make(server: Server, database: str, dest: Path, encryption: Encryption = NOT_ENCRYPTED, **changes: Any) -> Path:
    destination = Destination(dest=str(dest), encryption=encryption)
    wanted = options(server, database, format="directory", lock_tables=True, **changes)
    return Path(backup(BackupRequest(wanted, destination), Progress()).backup["path"])


def _manifest(path: Path) -> Manifest:
    manifest = open_artifact(str(path)).manifest
    assert manifest is not None
    return manifest


def _put_back(server: Server, database: str, source: Path, access: Access | None = None) -> RestoreResult:
    into = RestoreOptions(connection_options(server), database, load=LoadOptions(verify="digest"), jobs=2)
    origin = Origin(source=str(source), **({"access": access} if access else {}))
    return restore(RestoreRequest(into, origin), Progress())


def _fill_large(server: Server, database: str) -> None:
    with connected(server, database) as cursor:
        cursor.execute("CREATE TABLE large (id INT PRIMARY KEY, t CHAR(200)) ENGINE=InnoDB")
        for begin in range(0, ROWS, 5000):
            values = ",".join(f"({number},REPEAT('x;''\\n',{number % 50}))" for number in range(begin, begin + 5000))
            cursor.execute(f"INSERT INTO large VALUES {values}")
        cursor.execute("ANALYZE TABLE large")
        cursor.fetchall()


def _digests(made: Path, database: str, read: Callable[[Path], bytes]) -> dict[str, str]:
    """By the documented definition."""
    files: dict[str, list[Path]] = {}
    for path in sorted(made.glob(f"{database}.*.[0-9]*.sql*")):
        files.setdefault(path.name.split(".")[1], []).append(path)
    found = {}
    for name, paths in files.items():
        parts = [hashlib.sha256(read(path)).hexdigest() for path in paths]
        found[name] = parts[0] if len(parts) == 1 else combined_digest(parts)
    return found


def test_a_table_has_the_digest_of_its_files_content(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        fill(mysql_latest, database)
        _fill_large(mysql_latest, database)
        plain = _make(mysql_latest, database, tmp_path / "plain", compression="none", jobs=2)
        packed = _make(mysql_latest, database, tmp_path / "packed", compression="gzip", jobs=2)
    for made, read in ((plain, Path.read_bytes), (packed, lambda path: gzip.decompress(path.read_bytes()))):
        manifest = _manifest(made)
        records = {table.name: table for table in manifest.contents.tables if table.rows}
        wanted = _digests(made, database, read)
        assert len(wanted) == len(records) == 6
        # A name that no file can have is written otherwise.
        simple = wanted.keys() & records.keys()
        assert {name: records[name].sha256 for name in simple} == {name: wanted[name] for name in simple}
        assert {table.sha256 for table in records.values()} == set(wanted.values())
        assert len(records["large"].parts) > 1
        stored = {file.path.partition("/")[2]: file.sha256 for file in manifest.files}
        if made == plain:
            assert {stored[path.name] for path in made.glob("*.plain.*.sql")} == {records["plain"].sha256}
    (nothing,) = (table for table in _manifest(plain).contents.tables if table.name == "empty_one")
    assert (nothing.rows, nothing.bytes, nothing.sha256) == (0, 0, hashlib.sha256().hexdigest())


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_an_encrypted_folder_has_the_same_digests(mysql_latest: Server, tmp_path: Path, compression: str) -> None:
    identity = Identity.generate()
    with scratch(mysql_latest) as database, scratch(mysql_latest) as target:
        fill(mysql_latest, database)
        seen = _make(mysql_latest, database, tmp_path / "seen", compression="none")
        hidden = _make(
            mysql_latest, database, tmp_path / "hidden", Encryption((identity.recipient,)), compression=compression
        )
        assert _manifest(hidden).contents.tables == _manifest(seen).contents.tables
        done = _put_back(mysql_latest, target, hidden, Access(identity=identity.text)).restore
        assert done["checks"]["compared"] == {"digest": 6, "rows": 0}


def test_another_digest_is_refused_before_anything_is_done(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database, scratch(mysql_latest) as target:
        fill(mysql_latest, database)
        made = _make(mysql_latest, database, tmp_path / "made", compression="none")
        _rewrite(made, lambda one: dataclasses.replace(one, sha256="0" * 64) if one.name == "child" else one)
        with pytest.raises(CorruptArtifactError, match="child: [0-9]+ bytes of other content"):
            _put_back(mysql_latest, target, made)
        with connected(mysql_latest, target) as cursor:
            cursor.execute("SHOW TABLES")
            assert not cursor.fetchall()


def test_a_folder_with_digests_of_statements_is_restored_all_the_same(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database, scratch(mysql_latest) as target:
        fill(mysql_latest, database)
        made = _make(mysql_latest, database, tmp_path / "made", compression="none")
        _rewrite(made, lambda one: dataclasses.replace(one, sha256="1" * 64), digested=None)
        done = _put_back(mysql_latest, target, made).restore
        assert done["checks"]["compared"] == {"digest": 6, "rows": 0}
        # What is missing is still found.
        _rewrite(made, lambda one: dataclasses.replace(one, bytes=one.bytes + 1), digested=None)
        with pytest.raises(CorruptArtifactError, match="bytes of other content"):
            _put_back(mysql_latest, target, made)


def _rewrite(made: Path, change: Callable[[TableRecord], TableRecord], **changed: Any) -> None:
    """Give a backup another manifest."""
    path = Path(f"{made}.manifest.json")
    manifest = _manifest(made)
    contents = dataclasses.replace(
        manifest.contents,
        tables=tuple(map(change, manifest.contents.tables)),
        options={key: value for key, value in {**manifest.contents.options, **changed}.items() if value is not None},
    )
    assert "digested" in json.loads(path.read_bytes())["contents"]["options"] or not changed.get("digested", "")
    path.write_bytes(render_manifest(dataclasses.replace(manifest, contents=contents)))


def test_tables_that_are_left_out_are_checked_too(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        fill(mysql_latest, database)
        made = _make(mysql_latest, database, tmp_path / "made", compression="none")
        into = RestoreOptions(connection_options(mysql_latest), database, selection=Selection(tables=("child",)))
        manifest = _manifest(made)
        assert summarize(open_artifact(str(made)), manifest, into, Progress()).tables.keys() == {"child"}
        (file,) = made.glob("*.plain.*.sql")
        text = file.read_bytes()
        file.write_bytes(text.replace(b"quoted", b"quotes"))
        with pytest.raises(CorruptArtifactError, match="plain: [0-9]+ bytes of other content"):
            summarize(open_artifact(str(made)), manifest, into, Progress())


class _Watched(Scripts):
    """Remembers whose statements were read."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.read: list[str] = []

    def splitter(self, file: ScriptFile, source: ScriptSource, *, in_parts: bool = False) -> Splitter:
        self.read.append(file.path)
        return super().splitter(file, source, in_parts=in_parts)


@pytest.mark.parametrize(
    "form", [ScriptForm(), ScriptForm(complete_insert=True), ScriptForm(extended_insert=False)], ids=str
)
def test_a_table_in_one_file_is_compared_without_reading_its_rows_again(
    mysql_latest: Server, tmp_path: Path, form: ScriptForm
) -> None:
    with scratch(mysql_latest) as database:
        fill(mysql_latest, database)
        _fill_large(mysql_latest, database)
        into = RestoreOptions(connection_options(mysql_latest), database, load=LoadOptions(verify="digest"))
        made = _make(mysql_latest, database, tmp_path / "made", compression="none", jobs=2, form=form)
        artifact = open_artifact(str(made))
        manifest = artifact.manifest
        assert manifest is not None
        scripts = _Watched(artifact)
        found = compare_restored(
            lambda: connect(connection_options(mysql_latest), database=database),
            into,
            manifest,
            scripts,
            summarize(artifact, manifest, into, Progress()),
            Progress(),
            [table.name for table in manifest.contents.tables],
        )
        assert (found.digest, found.rows) == (7, 0)
        assert {path.split(".")[1] for path in scripts.read} == {"large"}
