# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The backups of one database as a list, without reading every manifest each time.

Whoever holds a database's lock keeps the heads of its manifests in one sealed file (``.catalogue.json``). It is a copy:
what it does not have, or has of a manifest of another size or time, is read from the manifest; a damaged or missing one
costs time and nothing else. What is restored is always read from the manifest itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..errors import CorruptArtifactError, StorageError
from ..lazy_dataclass import dataclass
from .layout import MANIFEST_NAME, is_backup_id
from .marks import HOLD_NAME, VERIFICATIONS_NAME
from .records import BackupContents, EncryptionRecord, Manifest, ServerIdentity, SetMember
from .sealed import load_sealed, seal
from .storage import Storage

CATALOGUE_NAME = ".catalogue.json"
_VERSION_KEY = "catalogue_version"
_VERSION = 1
_LARGEST_CATALOGUE = 256 << 20
_WATCHED = (MANIFEST_NAME, HOLD_NAME, VERIFICATIONS_NAME)


@dataclass(frozen=True)
class ListedBackup:
    """One backup of a list.

    :param folder: its path relative to the repository.
    :param manifest: without tables, large objects and files.
    :param size: of its files in bytes.
    :param tables: how many there are; ``rows`` of all of them.
    :param marks: the names of the marks beside the manifest.
    """

    folder: str
    url: str
    manifest: Manifest
    size: int
    rows: int
    tables: int
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Head:
    """What is kept of a manifest.

    :param stamp: of the manifest's file, as the storage tells one version from another.
    """

    stamp: str
    manifest: Manifest
    size: int
    rows: int
    tables: int


class DatabaseCatalogue:
    """The list of one database's backups.

    :param folder: of the database, relative to the repository.
    :param read: reads the manifest of a backup in that folder by its id.
    :param every: read every manifest, because ``read`` asks for more than what the list was made with.
    """

    def __init__(
        self, storage: Storage, folder: str, read: t.Callable[[str], Manifest | None], *, every: bool = False
    ) -> None:
        self._every = every
        self._storage = storage
        self._folder = folder
        self._read = read
        self._path = f"{folder}/{CATALOGUE_NAME}"

    def backups(self, on_damage: t.Callable[[CorruptArtifactError], None] | None = None) -> t.Iterator[ListedBackup]:
        """All backups, the oldest first.

        :param on_damage: is told of every damaged manifest, which is then left out.
        :raises CorruptArtifactError: a manifest is damaged, and there is no ``on_damage``.
        """
        for identity, head, there in self._heads(on_damage):
            folder = f"{self._folder}/{identity}"
            marks = frozenset(name for name in there if name != MANIFEST_NAME)
            yield ListedBackup(
                folder, self._storage.url(folder), head.manifest, head.size, head.rows, head.tables, marks
            )

    def refresh(self) -> None:
        """Write the list anew; the caller holds the lock. A list that cannot be written is done without."""
        heads = {identity: head for identity, head, _there in self._heads(lambda _error: None)}
        if heads == self._load():
            return
        with contextlib.suppress(StorageError):
            if heads:
                self._storage.write_small(self._path, seal({_VERSION_KEY: _VERSION, "backups": heads}))
            else:
                self._storage.remove_small(self._path)

    def _heads(
        self, on_damage: t.Callable[[CorruptArtifactError], None] | None
    ) -> t.Iterator[tuple[str, _Head, t.Mapping[str, str]]]:
        known = {} if self._every else self._load()
        for identity, there in sorted(self._storage.stamps(self._folder, _WATCHED).items()):
            if not is_backup_id(identity) or MANIFEST_NAME not in there:
                continue
            head = known.get(identity)
            if head is None or head.stamp != there[MANIFEST_NAME]:
                try:
                    manifest = self._read(identity)
                except CorruptArtifactError as error:
                    if on_damage is None:
                        raise
                    on_damage(error)
                    continue
                if manifest is None:
                    continue
                head = _head(manifest, there[MANIFEST_NAME])
            yield identity, head, there

    def _load(self) -> dict[str, _Head]:
        try:
            data = self._storage.read_small(self._path, _LARGEST_CATALOGUE)
            if data is None:
                return {}
            what = self._storage.url(self._path)
            fields = load_sealed(data, what=what, version_key=_VERSION_KEY, version=_VERSION)
            return {identity: _restored(head) for identity, head in fields["backups"].items()}
        except (CorruptArtifactError, StorageError, KeyError, TypeError, AttributeError):
            # It is a copy of what the manifests say.
            return {}


def _head(manifest: Manifest, stamp: str) -> _Head:
    contents = dataclasses.replace(manifest.contents, tables=(), large_objects=())
    return _Head(
        stamp=stamp,
        manifest=dataclasses.replace(manifest, contents=contents, files=()),
        size=manifest.size,
        rows=manifest.rows,
        tables=len(manifest.contents.tables),
    )


def _restored(fields: dict[str, t.Any]) -> _Head:
    """A head from sealed JSON: its checksum was right, so the types are."""
    manifest = fields["manifest"]
    contents = BackupContents(**{**manifest["contents"], "tables": (), "large_objects": ()})
    members = tuple(SetMember(**member) for member in manifest["members"])
    lists = {name: tuple(value) for name, value in manifest.items() if isinstance(value, list)}
    encryption = manifest["encryption"]
    nested = {
        "server": ServerIdentity(**manifest["server"]),
        "contents": contents,
        "members": members,
        "files": (),
        "encryption": EncryptionRecord(encryption["method"], tuple(encryption["recipients"])),
    }
    return _Head(**{**fields, "manifest": Manifest(**{**manifest, **lists, **nested})})
