# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A plain destination: one file or folder that the user named, with its manifest beside it.

The new backup is complete on the disk before the old one under the same name is touched. The old manifest is moved
away first and the new one put in place last, so that at no moment a manifest stands beside content that it does not
describe. Until the new manifest is in place every step can be undone, by the job itself or by the next one.
"""

from __future__ import annotations

import contextlib
import os

from ..errors import StorageError, UsageError
from ..streams.file import sync_folder
from .folders import remove_tree, rename
from .layout import PARTIAL_PREFIX, is_staging_name_of, staging_name
from .local import LocalStorage
from .lock import RepositoryLock
from .manifest import LARGEST_MANIFEST, parse_manifest
from .records import Manifest
from .signature import check_signature
from .staging import StagingFolder, claim

MANIFEST_SUFFIX = ".manifest.json"
_REPLACED_SUFFIX = ".replaced"


def resolve_dest(dest: str, artifact: str) -> str:
    """The path that an artifact gets: ``dest`` itself, or inside where it names an existing folder or ends with ``/``.

    A folder that is itself a backup (its manifest stands beside it) is replaced, not filled.
    """
    path = os.path.abspath(dest)
    is_folder = os.path.isdir(path) and not Destination(path).is_backup()
    return os.path.join(path, artifact) if is_folder or dest.endswith("/") else path


def read_dest_manifest(path: str, *, verify_key: str = "") -> Manifest | None:
    """The manifest beside a backup's file or folder, ``None`` where there is none.

    :param verify_key: a file with the public key that it must be signed for.
    :raises CorruptArtifactError: it is damaged.
    """
    folder, name = os.path.split(os.path.abspath(path))
    data = LocalStorage(folder).read_small(name + MANIFEST_SUFFIX, LARGEST_MANIFEST)
    if data is None:
        return None
    manifest = parse_manifest(data, name=path + MANIFEST_SUFFIX)
    if verify_key:
        check_signature(data, manifest.signature, verify_key, name=path + MANIFEST_SUFFIX)
    return manifest


class Destination:
    """A file or folder to be written as one backup.

    :param path: from :func:`resolve_dest`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder, self.name = os.path.split(path)

    def is_backup(self) -> bool:
        """Whether a backup of ours is here, or was before a job died while replacing it."""
        if os.path.lexists(self.path + MANIFEST_SUFFIX):
            return True
        manifest = self.name + MANIFEST_SUFFIX
        # Its own manifest is the last that a job writes before it touches what is here.
        return any(os.path.lexists(os.path.join(self.folder, name, manifest)) for name in self._leftovers())

    def check_replaceable(self) -> None:
        """Whether the path is free or holds a backup of ours, which a new one may replace.

        :raises UsageError: something else is there.
        """
        if os.path.lexists(self.path) and not self.is_backup():
            raise UsageError(
                f"{self.path} exists and is not a backup made by dbfleet (there is no {self.name}{MANIFEST_SUFFIX})",
                hint="choose another destination, or move what is there away",
            )

    def lock(self, *, purpose: str) -> RepositoryLock:
        return RepositoryLock(LocalStorage(self.folder), f".{self.name}.lock", purpose=purpose)

    def sweep(self) -> list[str]:
        """Undo and remove what dead jobs left beside the path; the caller holds the lock."""
        swept = []
        for name in self._leftovers():
            claimed = claim(os.path.join(self.folder, name), self.name)
            if claimed is not None:
                StagedDestination(self.path, path=claimed).abandon()
                swept.append(name)
        return swept

    def begin(self) -> StagedDestination:
        staged = StagedDestination(self.path, path=os.path.join(self.folder, staging_name(self.name)))
        staged.make()
        return staged

    def _leftovers(self) -> list[str]:
        if not os.access(self.folder, os.R_OK):
            # Nobody who may not list it can have made a staging folder there.
            return []
        names = LocalStorage(self.folder).folders("")
        return [name for name in names if name.startswith(PARTIAL_PREFIX) and is_staging_name_of(name, self.name)]


class StagedDestination(StagingFolder):
    """What will be at the destination, in a hidden folder beside it.

    :param target: the destination's path.
    :param path: the hidden folder's.
    """

    def __init__(self, target: str, *, path: str) -> None:
        super().__init__(path)
        self._target = target
        self._target_manifest = target + MANIFEST_SUFFIX
        self._new = os.path.join(path, os.path.basename(target))
        self._new_manifest = self._new + MANIFEST_SUFFIX
        self._old = self._new + _REPLACED_SUFFIX
        self._old_manifest = self._new_manifest + _REPLACED_SUFFIX
        self._unsettled = False

    def publish(self) -> None:
        """Put content and manifest in place of what is there; until this returns, :meth:`abandon` undoes it."""
        folder = os.path.dirname(self._target)
        if not os.path.lexists(self._new):
            raise StorageError(f"cannot publish {self._target}: nothing was written", path=self._target)
        self.sync()
        if os.path.lexists(self._target_manifest):
            rename(self._target_manifest, self._old_manifest)
            sync_folder(folder)
        if os.path.lexists(self._target):
            rename(self._target, self._old)
        rename(self._new, self._target)
        sync_folder(folder)
        self._unsettled = True
        rename(self._new_manifest, self._target_manifest)
        sync_folder(folder)
        self._unsettled = False
        # What was replaced is of no use any more; if it cannot be removed now, the next job does it.
        with contextlib.suppress(StorageError):
            super().abandon()

    def abandon(self) -> None:
        """Put back what :meth:`publish` moved, unless it came to its end, then remove the rest.

        :raises StorageError: something could not be moved; nothing is removed then.
        """
        if self._unsettled and not os.path.lexists(self._new_manifest):
            rename(self._target_manifest, self._new_manifest)
        if os.path.lexists(self._new_manifest):
            self._move_back()
            # First, because a folder without it is one in which nothing of the destination can be.
            remove_tree(self._new_manifest)
        super().abandon()

    def _move_back(self) -> None:
        replaced = os.path.lexists(self._target) and not os.path.lexists(self._target_manifest)
        if replaced and not os.path.lexists(self._new):
            rename(self._target, self._new)
        if os.path.lexists(self._old):
            if os.path.lexists(self._target):
                raise StorageError(
                    f"cannot put the former backup {self._old} back: {self._target} is in its place",
                    hint="move it away and run the backup again",
                )
            rename(self._old, self._target)
        if os.path.lexists(self._old_manifest):
            rename(self._old_manifest, self._target_manifest)
        sync_folder(os.path.dirname(self._target))
