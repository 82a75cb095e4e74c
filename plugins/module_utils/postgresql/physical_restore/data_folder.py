# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The data folder that a base backup is restored to, and the folders of its tablespaces.

While a restore runs, the folders belong to this process alone, so that nobody can put links in its way; in the end
they are the server's. What makes a folder one that a server starts in, PG_VERSION, appears last.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import shutil
import stat
import typing as t

from ...errors import CorruptArtifactError, RestoreError, StorageError, TargetNotEmptyError, UsageError
from ...lazy_dataclass import dataclass
from ...posix_only import begin_writing
from ...streams.base import Buffer
from ...streams.file import FILE_MODE, FOLDER_MODE, FileSource, storage_error, sync_folder
from ..replication.control_file import PATH as CONTROL_FILE
from ..replication.control_file import SIZE as CONTROL_FILE_SIZE
from ..replication.control_file import parse_control_file
from .marker import MARKER_NAME, VERSION_FILE, Marker, MarkerLock, read_marker
from .owner import Owner

LOCK_FILE = "postmaster.pid"
_GROUP_FILE, _GROUP_FOLDER = 0o640, 0o750
_PARENT_MODE = 0o755
_READ_SIZE = 1 << 20
_SYNC_THREADS = 16
_NEW_VERSION_FILE = f"{VERSION_FILE}.dbfleet"


@dataclass(frozen=True)
class Places:
    """Where everything goes.

    :param data: the data folder.
    :param tablespaces: of each tablespace by its OID, the folder. One inside the data folder is of a server that
        allows tablespaces in place.
    """

    data: str
    tablespaces: t.Mapping[int, str]

    def path(self, name: str) -> str:
        """Where a file of the backup lies, by its path in the manifest."""
        parts = name.split("/", 2)
        if parts[0] == "pg_tblspc" and len(parts) == 3 and parts[1].isdigit():
            folder = self.tablespaces.get(int(parts[1]))
            if folder is not None:
                return os.path.join(folder, parts[2])
        return os.path.join(self.data, name)


def check_places(places: Places, *, delta: bool, system_identifier: int) -> Marker | None:
    """Find out whether a backup may be restored there; changes nothing.

    :param delta: what is there is the same cluster's and may be overwritten.
    :param system_identifier: of the backup's cluster, 0 where it is not known.
    :returns: what an unfinished restore has left, which may be removed.
    :raises TargetNotEmptyError: there is something else.
    :raises RestoreError: a server runs there.
    :raises UsageError: the places are none.
    """
    data = places.data
    for folder in (data, *places.tablespaces.values()):
        if os.path.lexists(folder) and not os.path.isdir(folder):
            raise UsageError(f"{folder} is not a folder", hint="name a folder that is empty or not there yet")
    _check_apart(places)
    if not os.path.isdir(data):
        _check_empty(places.tablespaces.values(), ())
        return None
    if os.path.lexists(os.path.join(data, LOCK_FILE)):
        raise RestoreError(
            f"a server runs in {data}, or was killed there: {LOCK_FILE} exists",
            hint=f"stop the server; if certainly none runs, remove {os.path.join(data, LOCK_FILE)}",
            path=data,
        )
    left = read_marker(data)
    if left is not None:
        _check_empty((folder for folder in places.tablespaces.values() if folder not in left.tablespaces), ())
        return left
    if not delta:
        _check_empty((data, *places.tablespaces.values()), (data,))
        return None
    if _names(data):
        _check_same_cluster(data, system_identifier)
    return None


def _check_apart(places: Places) -> None:
    folders = [os.path.realpath(folder) for folder in (places.data, *places.tablespaces.values())]
    for number, one in enumerate(folders):
        for other in folders[number + 1 :]:
            inside = other.startswith(f"{os.path.join(folders[0], 'pg_tblspc')}/")
            if one == other or (os.path.commonpath((one, other)) in (one, other) and not inside):
                raise UsageError(
                    f"{one} and {other} cannot both be restored to: one is, or is in, the other",
                    hint="give every tablespace a folder of its own (tablespace_mapping)",
                )


def _check_empty(folders: t.Iterable[str], whole: t.Collection[str]) -> None:
    for folder in folders:
        names = _names(folder) if os.path.isdir(folder) else []
        if names:
            what = "" if folder in whole else "the tablespace's folder "
            way = (
                "choose an empty folder; with delta, what is there is replaced by the backup"
                if folder in whole
                else "give the tablespace another folder (tablespace_mapping)"
            )
            raise TargetNotEmptyError(
                f"{what}{folder} is not empty ({', '.join(sorted(names)[:3])})", hint=way, path=folder
            )


def _check_same_cluster(data: str, system_identifier: int) -> None:
    path = os.path.join(data, CONTROL_FILE)
    if not os.path.lexists(path):
        raise TargetNotEmptyError(
            f"{data} is neither empty nor the data folder of a server",
            hint="a delta restore takes the data folder of the same cluster; choose that or an empty folder",
            path=data,
        )
    with contextlib.closing(FileSource(path)) as source:
        try:
            found = parse_control_file(source.read(CONTROL_FILE_SIZE), name=path).system_identifier
        except CorruptArtifactError as error:
            raise TargetNotEmptyError(
                f"nobody can tell whose data folder {data} is: {error.message}",
                hint="restore into an empty folder, or empty this one yourself",
                path=data,
            ) from error
    if system_identifier and found != system_identifier:
        raise TargetNotEmptyError(
            f"{data} is the data folder of another cluster: its system identifier is {found}, the backup's "
            f"{system_identifier}",
            hint="choose the folder of the same cluster, or an empty one",
            path=data,
        )
    if os.path.islink(os.path.join(data, "pg_wal")):
        raise UsageError(
            f"{data}/pg_wal is a link, which a delta restore cannot keep",
            hint="restore into an empty folder and make the link afterwards",
        )


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise storage_error("list", folder, error) from error


def _make_parents(folder: str) -> None:
    missing = []
    parent = os.path.dirname(os.path.abspath(folder))
    while not os.path.lexists(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for path in reversed(missing):
        os.mkdir(path)
        # The umask of the one who restores may be for its own eyes; the server's account has to come through.
        os.chmod(path, _PARENT_MODE)


class DataFolder:
    """The folders while they are written.

    :param delta: keep what is there and equal.
    :param left: what an unfinished restore has left.
    """

    def __init__(self, places: Places, owner: Owner, *, delta: bool, left: Marker | None) -> None:
        self.places = places
        self._owner = owner
        self._delta = delta
        self._written: set[str] = set()
        self._kept: set[str] = set()
        self._folders: set[str] = set()
        self._known_folders: set[str] = set()
        self._group = False
        self.bytes_written = 0
        self._tops = (places.data, *places.tablespaces.values())
        self._begin(left)

    def _begin(self, left: Marker | None) -> None:
        marker = Marker(self._owner, tuple(self.places.tablespaces.values()))
        data = self.places.data
        self._make_top(data)
        if left is not None:
            # The lock first: two that begin at the same time must not both clear the folder.
            self._marker = MarkerLock(data, left)
            for folder in (*left.tablespaces, data):
                _clear(folder)
            self._marker.close()
        self._marker = MarkerLock(data, marker)
        try:
            sync_folder(data)
            if self._delta:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(data, VERSION_FILE))
                sync_folder(data)
            for folder in self.places.tablespaces.values():
                self._make_top(folder)
        except OSError as error:
            raise storage_error("write", data, error) from error

    def _make_top(self, folder: str) -> None:
        try:
            _make_parents(folder)
            os.makedirs(folder, mode=FOLDER_MODE, exist_ok=True)
            os.chown(folder, os.geteuid(), -1)
            os.chmod(folder, FOLDER_MODE)
        except OSError as error:
            raise storage_error("make", folder, error) from error
        self._known_folders.add(folder)
        self._folders.add(folder)

    def close(self) -> None:
        """Give the folder free, finished or not."""
        self._marker.close()

    def make_folder(self, name: str) -> None:
        """Make a folder of the backup, with those it is in."""
        self._make_folder(self.places.path(name))

    def _make_folder(self, path: str) -> None:
        if path in self._known_folders:
            return
        if path in self._kept:
            raise CorruptArtifactError(f"the backup holds {path} both as a file and as a folder", path=path)
        self._make_folder(os.path.dirname(path))
        try:
            if os.path.lexists(path) and (os.path.islink(path) or not os.path.isdir(path)):
                os.unlink(path)
            if not os.path.isdir(path):
                os.mkdir(path, FOLDER_MODE)
            os.chmod(path, FOLDER_MODE)
            os.chown(path, self._owner.uid, self._owner.gid)
        except OSError as error:
            raise storage_error("make", path, error) from error
        self._known_folders.add(path)
        self._folders.add(path)

    def link_tablespace(self, oid: int) -> None:
        """Have the data folder point to the folder of a tablespace."""
        folder = self.places.tablespaces[oid]
        link = os.path.join(self.places.data, "pg_tblspc", str(oid))
        if folder == link:
            return
        self._make_folder(os.path.dirname(link))
        try:
            if os.path.islink(link) or os.path.isfile(link):
                os.unlink(link)
            elif os.path.isdir(link):
                shutil.rmtree(link)
            os.symlink(folder, link)
            os.chown(link, self._owner.uid, self._owner.gid, follow_symlinks=False)
        except OSError as error:
            raise storage_error("link", link, error) from error
        self._kept.add(link)

    def write_file(self, name: str, pieces: t.Iterable[Buffer]) -> None:
        """Write a whole file of the backup."""
        path = self.places.path(name)
        self._make_folder(os.path.dirname(path))
        with self._opened(path, exists=False) as (descriptor, compare):
            size = 0
            for piece in pieces:
                if not (compare and _is_equal(descriptor, piece, size)):
                    self._write(descriptor, piece, size, path)
                size += len(piece)
            if os.fstat(descriptor).st_size != size:
                os.ftruncate(descriptor, size)
                self._written.add(path)

    def read_file(self, name: str) -> t.Iterator[bytes]:
        """The content of a file that was written before, in pieces."""
        with contextlib.closing(FileSource(self.places.path(name))) as source:
            yield from iter(lambda: source.read(_READ_SIZE), b"")

    def size_of(self, name: str) -> int:
        """Of a file that was written before, in bytes."""
        path = self.places.path(name)
        try:
            return os.stat(path).st_size
        except OSError as error:
            raise storage_error("read", path, error) from error

    def change_file(self, name: str, blocks: t.Iterable[tuple[int, bytes]], kept: int, size: int) -> None:
        """Overwrite blocks of a file that was written before.

        :param blocks: each with where it goes, in bytes.
        :param kept: how much of the file counts at all where no block overwrites it.
        :param size: of the file afterwards; what is added is zeros.
        """
        path = self.places.path(name)
        with self._opened(path, exists=True) as (descriptor, _compare):
            if os.fstat(descriptor).st_size > kept:
                os.ftruncate(descriptor, kept)
            for offset, block in blocks:
                self._write(descriptor, block, offset, path)
            os.ftruncate(descriptor, size)
            self._written.add(path)

    @contextlib.contextmanager
    def _opened(self, path: str, *, exists: bool) -> t.Iterator[tuple[int, bool]]:
        """A file to write, and whether to compare before."""
        compare = False
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            if not exists:
                if path in self._kept:
                    raise CorruptArtifactError(f"the backup holds {path} twice", path=path)
                compare = self._delta and _is_own_file(path)
                if self._delta and not compare:
                    _remove(path)
                flags |= 0 if compare else os.O_CREAT | os.O_EXCL
            descriptor = os.open(path, flags, FILE_MODE)
            try:
                os.fchmod(descriptor, FILE_MODE)
                os.fchown(descriptor, self._owner.uid, self._owner.gid)
                yield descriptor, compare
                # Only begins to write to the disk what will be waited for in the end.
                begin_writing(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise storage_error("write", path, error) from error
        self._kept.add(path)
        if not compare:
            self._written.add(path)

    def _write(self, descriptor: int, data: Buffer, offset: int, path: str) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(descriptor, view, offset)
            offset += done
            view = view[done:]
        self.bytes_written += len(data)
        self._written.add(path)

    def allow_group(self) -> None:
        """The cluster lets its group read."""
        self._group = True

    def remove_extra(self) -> int:
        """Remove what the backup does not hold; how many files.

        Of a tablespace's folder only what lies in this version's own folder is looked at.
        """
        removed = 0
        tops = [self.places.data]
        for top in self.places.tablespaces.values():
            tops += [folder for folder in self._folders if os.path.dirname(folder) == top]
        for top in tops:
            for folder, folders, files in os.walk(top, topdown=True):
                for name in [*files, *folders]:
                    path = os.path.join(folder, name)
                    is_folder = name in folders and not os.path.islink(path)
                    known = path in self._known_folders if is_folder else path in self._kept
                    if known or name == MARKER_NAME:
                        continue
                    removed += 1
                    if is_folder:
                        folders.remove(name)
                    _remove(path)
        return removed

    def finish(self, version_file: bytes) -> None:
        """Make everything durable, and then the folder one that a server starts in.

        :param version_file: the content of PG_VERSION.
        """
        self._sync()
        data = self.places.data
        new, final = os.path.join(data, _NEW_VERSION_FILE), os.path.join(data, VERSION_FILE)
        with self._opened(new, exists=False) as (descriptor, _compare):
            self._write(descriptor, version_file, 0, new)
            os.ftruncate(descriptor, len(version_file))
            os.fsync(descriptor)
        self._give_away(new)
        try:
            for top in reversed(self._tops):
                os.chmod(top, _GROUP_FOLDER if self._group else FOLDER_MODE)
                os.chown(top, self._owner.uid, self._owner.gid)
            os.rename(new, final)
        except OSError as error:
            raise storage_error("finish", final, error) from error
        sync_folder(data)
        self._marker.remove()
        sync_folder(data)
        with contextlib.suppress(StorageError):
            # The folder that it is in may be closed to this account.
            sync_folder(os.path.dirname(data))

    def _give_away(self, *paths: str) -> None:
        if not self._group:
            return
        try:
            for path in (*self._kept, *paths):
                if not os.path.islink(path):
                    os.chmod(path, _GROUP_FILE)
            for path in self._folders - set(self._tops):
                os.chmod(path, _GROUP_FOLDER)
        except OSError as error:
            raise storage_error("finish", self.places.data, error) from error

    def _sync(self) -> None:
        # Several at a time share what the disk has to do for each.
        with concurrent.futures.ThreadPoolExecutor(_SYNC_THREADS) as pool:
            for _done in pool.map(_sync_file, self._written):
                pass
            for _done in pool.map(sync_folder, self._folders):
                pass


def _sync_file(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error("sync", path, error) from error


def _is_equal(descriptor: int, data: Buffer, offset: int) -> bool:
    return os.pread(descriptor, len(data), offset) == data


def _is_own_file(path: str) -> bool:
    """Whether it is a file that nothing else has a part in: one with a second name may be somebody's copy."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _remove(path: str) -> None:
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error("remove", path, error) from error


def _clear(folder: str) -> None:
    """Remove everything in a folder but the marker."""
    if not os.path.isdir(folder) or os.path.islink(folder):
        return
    for name in _names(folder):
        if name != MARKER_NAME:
            _remove(os.path.join(folder, name))
