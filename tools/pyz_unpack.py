# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause
"""Part of the one-file command: unpacks the engine and the drivers of this host's Python into a private folder.

Native modules cannot be loaded out of a zip file. They are unpacked once for each version of the file, Python and
architecture, into a folder that belongs to the user alone. It gets its name when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import platform
import shutil
import sys
import tempfile
import zipfile

INDEX = "index.json"
_SAME_MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_OTHERS_MAY_WRITE = 0o022
_LEAST_GLIBC = (2, 28)


def unpacked(archive: str) -> str:
    """The folder with everything that this Python imports; made when it is first asked for.

    :raises SystemExit: the host is not one of those that the file is for, or the folder cannot be made.
    """
    with zipfile.ZipFile(archive) as opened:
        index = json.loads(opened.read(INDEX))
        target = f"{sys.version_info.major}.{sys.version_info.minor}-{_machine()}"
        _check_host(target, index)
        base = _private_folder()
        folder = os.path.join(base, f"{index['version']}-{index['digest'][:16]}-{target}")
        if not os.path.isdir(folder):
            try:
                _unpack(opened, index, target, base, folder)
            except OSError as error:
                _end(f"cannot unpack into {base}: {error}", "make room there, or name a folder in DBFLEET_CACHE")
    return folder


def _machine() -> str:
    machine = platform.machine().lower()
    return _SAME_MACHINE.get(machine, machine)


def _check_host(target: str, index: dict) -> None:
    libc, version = platform.libc_ver()
    number = tuple(int(part) for part in version.split(".")[:2]) if libc == "glibc" else ()
    if sys.platform != "linux" or target not in index["targets"]:
        known = ", ".join(sorted(index["targets"]))
        _end(f"this file is for Linux with Python and architecture {known}; here it is {sys.platform} {target}", "")
    if number < _LEAST_GLIBC:
        _end("this file needs glibc 2.28 or later", "install dbfleet with the distribution's packages instead")


def _private_folder() -> str:
    """The folder for what is unpacked. Whoever could write there could have the user run anything.

    :raises SystemExit: it cannot be made, or others may write there.
    """
    base = os.environ.get("DBFLEET_CACHE")
    if not base and os.geteuid() == 0:
        base = "/var/cache/dbfleet-command"
    if not base:
        caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(caches, "dbfleet")
    try:
        if not os.path.isdir(base):
            os.makedirs(base, _FOLDER_MODE)
            os.chmod(base, _FOLDER_MODE)
        found = os.stat(base)
    except OSError as error:
        _end(f"cannot make {base}: {error.strerror}", "name a folder that can be written in DBFLEET_CACHE")
    if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_MAY_WRITE:
        _end(f"others than this user may write into {base}", "name a private folder in DBFLEET_CACHE")
    return base


def _unpack(opened: zipfile.ZipFile, index: dict, target: str, base: str, folder: str) -> None:
    partial = tempfile.mkdtemp(prefix=".partial-", dir=base)
    try:
        for blob, wanted in _by_blob(index, target).items():
            with opened.open(blob) as packed, lzma.open(packed) as stream:
                for offset, size, digest, paths in wanted:
                    stream.seek(offset)
                    content = stream.read(size)
                    if hashlib.sha256(content).hexdigest() != digest:
                        _end("this file is damaged", "copy it again")
                    for path in paths:
                        _write(os.path.join(partial, path), content)
        try:
            os.rename(partial, folder)
        except OSError:
            # Another start of the command was faster.
            if not os.path.isdir(folder):
                raise
    except (lzma.LZMAError, EOFError, zipfile.BadZipFile) as error:
        _end(f"this file is damaged: {error}", "copy it again")
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _by_blob(index: dict, target: str) -> dict:
    """What to take out of each compressed part, in the order in which it is there."""
    paths: dict = {}
    for path, number in index["targets"][target].items():
        paths.setdefault(number, []).append(path)
    parts: dict = {}
    for number in sorted(paths):
        blob, offset, size, digest = index["contents"][number]
        parts.setdefault(blob, []).append((offset, size, digest, paths[number]))
    return parts


def _write(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), _FOLDER_MODE, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb") as stream:
        stream.write(content)


def _end(message: str, hint: str) -> None:
    sys.exit(f"error: {message}" + (f"\nhint: {hint}" if hint else ""))
