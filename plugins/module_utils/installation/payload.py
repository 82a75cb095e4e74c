# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The files of the engine that is running, wherever it runs from.

Ansible sends a module with the part of the engine that it imports as one zip file. A module that imports the whole
command can therefore install it: what arrived is what is written, without a second transfer.
"""

from __future__ import annotations

import hashlib
import os
import typing as t
import zipfile

from ..errors import NotFoundError
from ..streams.file import storage_error


def engine_files() -> dict[str, bytes]:
    """The content of each file of the engine by its path below the engine's folder, in order.

    :raises NotFoundError: this file was loaded from somewhere that is neither a folder nor a zip file.
    :raises StorageError: the files cannot be read.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        if os.path.isdir(folder):
            return dict(sorted(_files_of_folder(folder)))
        archive = _archive_above(folder)
        prefix = os.path.relpath(folder, archive).replace(os.sep, "/") + "/"
        return dict(sorted(_files_of_archive(archive, prefix)))
    except OSError as error:
        raise storage_error("read", folder, error) from error


def digest_of(files: t.Mapping[str, bytes], *settings: str) -> str:
    """The SHA-256 of the files' paths and contents and of what else makes an installation what it is."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        whole.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    for setting in settings:
        whole.update(f"{setting}\n".encode())
    return whole.hexdigest()


def _files_of_folder(folder: str) -> t.Iterator[tuple[str, bytes]]:
    for above, _folders, names in os.walk(folder):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(above, name)
                with open(path, "rb") as stream:
                    yield os.path.relpath(path, folder).replace(os.sep, "/"), stream.read()


def _files_of_archive(archive: str, prefix: str) -> t.Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.startswith(prefix) and name.endswith(".py"):
                yield name[len(prefix) :], opened.read(name)


def _archive_above(folder: str) -> str:
    """The zip file that a path leads into."""
    path = folder
    while path != os.path.dirname(path):
        if os.path.isfile(path):
            return path
        path = os.path.dirname(path)
    raise NotFoundError(f"the files of the engine were not found: {folder} is neither a folder nor in a zip file")
