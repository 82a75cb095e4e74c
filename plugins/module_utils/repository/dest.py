# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A plain destination: one file or folder that the user named, with its manifest beside it.

The new backup is complete on the disk before the old one under the same name is touched. The manifest is removed
first and put in place last, so that at no moment a manifest stands beside content that it does not describe.
"""

from __future__ import annotations

import os
import uuid

from ..errors import CorruptArtifactError, StorageError, UsageError
from ..streams.file import FOLDER_MODE, FileSink, FileSource, storage_error, sync_folder
from .layout import PARTIAL_PREFIX
from .local import LocalStorage, make_private_folders, matching_names, remove_tree
from .lock import RepositoryLock
from .manifest import LARGEST_MANIFEST, parse_manifest
from .records import Manifest

MANIFEST_SUFFIX = ".manifest.json"


def resolve_dest(dest: str, artifact: str) -> str:
    """The path that an artifact gets: ``dest`` itself, or inside where it names an existing folder or ends with ``/``.

    A folder that is itself a backup (its manifest stands beside it) is replaced, not filled.
    """
    path = os.path.abspath(dest)
    is_folder = os.path.isdir(path) and not os.path.lexists(path + MANIFEST_SUFFIX)
    return os.path.join(path, artifact) if is_folder or dest.endswith("/") else path


def read_dest_manifest(path: str) -> Manifest | None:
    """The manifest beside a backup's file or folder, ``None`` where there is none.

    :raises CorruptArtifactError: it is damaged.
    """
    folder, name = os.path.split(os.path.abspath(path))
    data = LocalStorage(folder).read_small(name + MANIFEST_SUFFIX, LARGEST_MANIFEST)
    return None if data is None else parse_manifest(data, name=path + MANIFEST_SUFFIX)


class Destination:
    """A file or folder to be written as one backup.

    :param path: from :func:`resolve_dest`.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder, self.name = os.path.split(path)

    def check_replaceable(self) -> None:
        """Whether the path is free or holds a backup of ours, which a new one may replace.

        :raises UsageError: something else is there.
        """
        if os.path.lexists(self.path) and not os.path.lexists(self.path + MANIFEST_SUFFIX) and not self._leftovers():
            raise UsageError(
                f"{self.path} exists and is not a backup made by dbfleet (there is no {self.name}{MANIFEST_SUFFIX})",
                hint="choose another destination, or move what is there away",
            )

    def _leftovers(self) -> list[str]:
        return list(matching_names(self.folder, f"{PARTIAL_PREFIX}{self.name}-"))

    def lock(self, *, purpose: str) -> RepositoryLock:
        return RepositoryLock(LocalStorage(self.folder), f".{self.name}.lock", purpose=purpose)

    def sweep(self) -> list[str]:
        """Finish or remove what dead jobs left beside the path; the caller holds the lock.

        A job that died while publishing left a whole backup with its manifest: that is published now. Everything
        else is removed.
        """
        swept = self._leftovers()
        for name in swept:
            staged = StagedDestination(self.folder, self.name, path=os.path.join(self.folder, name))
            if staged.is_whole():
                staged.publish()
            staged.abandon()
        return swept

    def begin(self) -> StagedDestination:
        make_private_folders(self.folder)
        path = os.path.join(self.folder, f"{PARTIAL_PREFIX}{self.name}-{uuid.uuid4().hex[:8]}")
        try:
            os.mkdir(path, FOLDER_MODE)
            os.chmod(path, FOLDER_MODE)
        except OSError as error:
            raise storage_error("make the folder", path, error) from error
        return StagedDestination(self.folder, self.name, path=path)


class StagedDestination:
    """What will be at the destination, in a hidden folder beside it."""

    can_patch = True

    def __init__(self, folder: str, name: str, *, path: str) -> None:
        self._folder = folder
        self._name = name
        self.path = path

    def is_whole(self) -> bool:
        """Whether everything including the manifest was written (the manifest is written last)."""
        data = LocalStorage(self.path).read_small(self._name + MANIFEST_SUFFIX, LARGEST_MANIFEST)
        if data is None:
            return False
        try:
            parse_manifest(data, name=self.path)
        except CorruptArtifactError:
            # The job died while writing it.
            return False
        return True

    def create(self, path: str) -> FileSink:
        full = os.path.join(self.path, *path.split("/"))
        make_private_folders(os.path.dirname(full))
        return FileSink(full)

    def open(self, path: str) -> FileSource:
        return FileSource(os.path.join(self.path, *path.split("/")))

    def publish(self) -> None:
        """Put content and manifest in place; run again after a crash, it goes on where it stopped."""
        staged, target = os.path.join(self.path, self._name), os.path.join(self._folder, self._name)
        for folder, _folders, _files in os.walk(self.path):
            sync_folder(folder)
        try:
            if os.path.lexists(staged):
                if os.path.lexists(target + MANIFEST_SUFFIX):
                    os.unlink(target + MANIFEST_SUFFIX)
                if os.path.lexists(target):
                    # The old content goes into the staging folder, which is removed at the end.
                    os.rename(target, staged + ".replaced")
                os.rename(staged, target)
                sync_folder(self._folder)
            if not os.path.lexists(target):
                raise StorageError(f"cannot publish {target}: nothing was written", path=target)
            os.rename(staged + MANIFEST_SUFFIX, target + MANIFEST_SUFFIX)
        except OSError as error:
            raise storage_error("publish", target, error) from error
        sync_folder(self._folder)
        self.abandon()

    def abandon(self) -> None:
        remove_tree(self.path)
