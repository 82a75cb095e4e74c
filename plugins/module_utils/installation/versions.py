# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The folder of the installed versions: one folder each, ``current`` that leads to the one in use, and what was used.

``current`` is a symbolic link and is switched by one rename: whoever starts the command gets one version or the other.
``venv`` leads to ``current``; there the modules look for drivers.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import typing as t

from ..errors import InstallationError, LockedError
from ..posix_only import fcntl
from ..streams.file import storage_error
from .environment import Installed, read_record, remove_environment

CURRENT = "current"
VENV = "venv"
_HISTORY = ".history.json"
_LOCK = ".lock"
_PARTIAL = ".partial-"
_ID = re.compile(r"\d+\.\d+\.\d+[0-9A-Za-z.+-]*-[0-9a-f]{12}")
_FILE_MODE, _FOLDER_MODE = 0o644, 0o755
# The end of a link of ours, whichever folder it leads to.
_OURS = "/current/bin/dbfleet"


class Versions:
    """The versions below one folder.

    :param root: the folder; it need not exist.
    :param command: the path of the link that makes the command be found; empty for none.
    """

    def __init__(self, root: str, command: str) -> None:
        self.root = root
        self.command = command

    def folder(self, version_id: str) -> str:
        """Where a version is, or will be."""
        return os.path.join(self.root, version_id)

    def installed(self) -> dict[str, Installed]:
        """The whole versions by their ids, that which was used last at the end; one never used comes first."""
        found = {}
        for name in _names(self.root):
            record = read_record(self.folder(name)) if _ID.fullmatch(name) else None
            if record is not None and record.id == name:
                found[name] = record
        history = self._history()
        order = {name: position for position, name in enumerate(history)}
        return {name: found[name] for name in sorted(found, key=lambda name: (order.get(name, -1), name))}

    def current(self) -> str:
        """The id of the version in use; empty for none."""
        return os.path.basename(_target_of(os.path.join(self.root, CURRENT)))

    def links(self) -> dict[str, str]:
        """What the links must lead to, by their paths."""
        links = {os.path.join(self.root, VENV): CURRENT}
        if self.command:
            links[self.command] = os.path.join(self.root, CURRENT, "bin", "dbfleet")
        return links

    def wrong_links(self) -> list[str]:
        """The links that are missing or lead elsewhere.

        :raises InstallationError: something that is not ours is there.
        """
        wrong = []
        for path, target in self.links().items():
            found = _target_of(path)
            if os.path.lexists(path) and not found:
                raise InstallationError(
                    f"{path} is there and is not a link of this collection",
                    hint="move it away, or choose another path",
                )
            if found and found != target and not found.endswith(_OURS):
                raise InstallationError(
                    f"{path} leads to {found}, which this collection did not make",
                    hint="move it away, or choose another path",
                )
            if found != target:
                wrong.append(path)
        return wrong

    def partial(self, version_id: str) -> str:
        """The folder in which a version is made."""
        return os.path.join(self.root, f"{_PARTIAL}{version_id}")

    def put(self, version_id: str) -> None:
        """Give what was made in the partial folder its name, in place of what has it.

        :raises StorageError: it cannot be renamed.
        """
        folder = self.folder(version_id)
        damaged = os.path.join(self.root, f"{_PARTIAL}old-{version_id}")
        try:
            if os.path.lexists(folder):
                remove_environment(damaged)
                os.rename(folder, damaged)
            os.rename(self.partial(version_id), folder)
        except OSError as error:
            raise storage_error("rename", folder, error) from error
        remove_environment(damaged)

    def use(self, version_id: str) -> None:
        """Switch to an installed version, and mend the links.

        :raises StorageError: a link cannot be made.
        """
        _link(os.path.join(self.root, CURRENT), version_id)
        for path in self.wrong_links():
            _link(path, self.links()[path])
        history = [name for name in self._history() if name != version_id] + [version_id]
        _replace(os.path.join(self.root, _HISTORY), json.dumps(history) + "\n")

    def sweep(self) -> None:
        """Remove what a killed run left."""
        for name in _names(self.root):
            if name.startswith(_PARTIAL):
                remove_environment(os.path.join(self.root, name))

    def forget(self) -> None:
        """Remove everything that was installed here; what others put into the folder stays.

        :raises StorageError: something cannot be removed.
        """
        try:
            if self.command and _target_of(self.command) == self.links()[self.command]:
                os.unlink(self.command)
            for name in (VENV, CURRENT):
                if os.path.islink(os.path.join(self.root, name)):
                    os.unlink(os.path.join(self.root, name))
            for name in _names(self.root):
                if _ID.fullmatch(name):
                    remove_environment(os.path.join(self.root, name))
            for name in (_HISTORY, _LOCK):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.root, name))
            if not _names(self.root):
                os.rmdir(self.root)
        except OSError as error:
            raise storage_error("remove", self.root, error) from error

    def traces(self) -> list[str]:
        """Whatever of an installation is there, by path."""
        found = [
            os.path.join(self.root, name)
            for name in _names(self.root)
            if _ID.fullmatch(name) or name.startswith(_PARTIAL) or name in (VENV, CURRENT, _HISTORY, _LOCK)
        ]
        if self.command and _target_of(self.command) == self.links()[self.command]:
            found.append(self.command)
        return found

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keep others from installing here.

        :raises LockedError: another run is at it.
        """
        path = os.path.join(self.root, _LOCK)
        try:
            _make_folder(self.root)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error("write", self.root, error) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise LockedError(f"another run installs in {self.root}", hint="wait for it") from error
            yield
        finally:
            os.close(descriptor)

    def _history(self) -> list[str]:
        try:
            with open(os.path.join(self.root, _HISTORY), encoding="utf-8") as stream:
                history = json.load(stream)
        except (OSError, ValueError):
            # It only says in which order versions were used.
            return []
        return [name for name in history if isinstance(name, str)] if isinstance(history, list) else []


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error("read", folder, error) from error


def _target_of(path: str) -> str:
    """What a symbolic link holds; empty for what is none."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _make_folder(path: str) -> None:
    """Make a folder and those above it; whatever the umask is, everybody may look into it."""
    if not os.path.isdir(path):
        _make_folder(os.path.dirname(path))
        os.mkdir(path)
        os.chmod(path, _FOLDER_MODE)


def _link(path: str, target: str) -> None:
    temporary = f"{path}.dbfleet-new"
    try:
        _make_folder(os.path.dirname(path))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        os.symlink(target, temporary)
        os.rename(temporary, path)
    except OSError as error:
        raise storage_error("write", path, error) from error


def _replace(path: str, text: str) -> None:
    temporary = f"{path}.new"
    try:
        with open(temporary, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, _FILE_MODE)
        os.rename(temporary, path)
    except OSError as error:
        raise storage_error("write", path, error) from error
