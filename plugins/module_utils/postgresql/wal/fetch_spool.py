# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Segments that were fetched before the server asks for them, in a folder of this host.

There are as many as were asked for at most, and none is older than what the server asked for last. A file is there
whole or not at all, and its name says its digest, which is compared once more when it is handed over.

A process of its own fetches them, and stays as long as the server goes on asking: to begin a new one for every few
segments would take longer than to fetch those. Which ones it is about to fetch stands in the file that it has locked,
so that a call for one of them waits for it instead of fetching it once more.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import time
import typing as t

from ...errors import DbfleetError
from ...posix_only import fcntl
from ...repository.local import LocalStorage
from ...streams.file import FOLDER_MODE
from .archive import WalArchive
from .archived_file import ArchivedFile, open_archived, parse_archived
from .fetch import fetch_file, remove_quietly, write_file
from .quick import FETCH_PREFIX, FETCHING, being_fetched
from .segment import SegmentName

_LOCAL_THREADS, _REMOTE_THREADS = 1, 4
_POLL = 0.01
_ATTEMPTS = 10
#: A server that asks for nothing for so long has ended its recovery, or its segments are large work.
IDLE_SECONDS = 10.0
#: How long to wait for a segment that is being fetched already.
_PATIENCE = 60.0
#: What a recovery that has ended left behind is removed by the next one.
_OLD_SECONDS = 3600.0


class FetchSpool:
    """The folder of one server; beside it are those of others."""

    def __init__(self, folder: str) -> None:
        self._base = os.path.dirname(folder)
        self._folder = folder

    def take(self, place: SegmentName, path: str) -> bool:
        """Hand a segment over to the server; whether it was there."""
        self._wait_for(place)
        file = self._files().get(place)
        if file is None:
            return False
        try:
            with contextlib.closing(open_archived(LocalStorage(self._folder), file)) as source:
                write_file(source, place, path, name=file.path)
        except DbfleetError:
            # What is wrong with this copy need not be wrong with the archive, which is asked next.
            return False
        finally:
            remove_quietly(os.path.join(self._folder, file.path))
        return True

    def has_enough(self, wanted: t.Sequence[SegmentName]) -> bool:
        """Whether at least half of ``wanted`` is there: then it is too early to begin another process for more."""
        return 2 * len(set(wanted) & set(self._files())) >= len(wanted)

    def keep_only(self, wanted: t.Sequence[SegmentName]) -> None:
        """Remove other segments, and what recoveries that ended have left."""
        self._drop_others(wanted)
        self._sweep()

    def _drop_others(self, wanted: t.Sequence[SegmentName]) -> None:
        for place, file in self._files().items():
            if place not in wanted:
                remove_quietly(os.path.join(self._folder, file.path))

    def clear(self) -> None:
        """Remove everything, and let nobody fill it any more."""
        remove_quietly(self._lock)
        self.keep_only(())

    def is_filled_with(self, place: SegmentName) -> bool:
        """Whether a process is at work that fetches this segment, or has."""
        coming = being_fetched(self._folder)
        return coming is not None and (str(place) in coming or place in self._files())

    def fill(self, archive: WalArchive, wanted: t.Sequence[SegmentName], size: int) -> None:
        """Fetch what is missing of ``wanted``, and as many behind it as the server takes, up to what is not archived.

        Only one process does, until the server has taken nothing for a while; one that is at other segments gives up.
        Whatever goes wrong is left to the one who asks for the segment itself.

        :param size: of a segment, in bytes.
        """
        remove_quietly(self._lock)
        self.keep_only(wanted)
        count = len(wanted)
        # What the server has taken meanwhile is not there either, and not to be fetched once more.
        fetched: set[SegmentName] = set()
        with contextlib.suppress(DbfleetError, OSError), self._filling() as filling:
            while True:
                sequence = list(wanted)
                while len(sequence) < 2 * count:
                    sequence.append(sequence[-1].next(size))
                fetched |= set(self._files()).intersection(wanted)
                if not self._fetch(archive, sequence, count, fetched, filling):
                    return
                used = self._wait_for_use(wanted, filling, at_least=self._threads(archive))
                if not used:
                    return
                fetched |= set(wanted)
                wanted = sequence[used : used + count]
                # A server need not take each of them.
                self._drop_others(wanted)

    @contextlib.contextmanager
    def _filling(self) -> t.Iterator[int]:
        """The locked file.

        :raises BlockingIOError: another process has it.
        """
        os.makedirs(self._folder, mode=FOLDER_MODE, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    # Calls look at it for a moment.
                    if attempt == _ATTEMPTS:
                        raise
                    time.sleep(_POLL)
            _say(descriptor, ())
            yield descriptor
        finally:
            os.close(descriptor)

    @property
    def _lock(self) -> str:
        return os.path.join(self._folder, FETCHING)

    def _threads(self, archive: WalArchive) -> int:
        return _REMOTE_THREADS if "://" in archive.storage.location else _LOCAL_THREADS

    def _fetch(
        self,
        archive: WalArchive,
        sequence: t.Sequence[SegmentName],
        count: int,
        fetched: t.Collection[SegmentName],
        filling: int,
    ) -> bool:
        """Fetch what is missing; whether it makes sense to go on.

        :param sequence: those to fetch, and those whose turn is next.
        :param count: how many of them are to be fetched.
        :param fetched: those that need not be.
        """
        files: list[ArchivedFile] = []
        following = [str(place) for place in sequence[count:]]
        for place in sequence[:count]:
            if place in fetched:
                continue
            file = archive.find(str(place))
            if file is None:
                following = []
                break
            files.append(file)
        _say(filling, [*(file.name for file in files), *following])
        with concurrent.futures.ThreadPoolExecutor(self._threads(archive)) as pool:
            running = [pool.submit(self._fetch_one, archive, file, filling) for file in files]
            for number, future in enumerate(running, 1):
                future.result()
                # Only what is not there yet: a server may ask for what it has taken once more.
                _say(filling, [*(file.name for file in files[number:]), *following])
        return bool(following)

    def _fetch_one(self, archive: WalArchive, file: ArchivedFile, filling: int) -> None:
        if self._is_mine(filling):
            fetch_file(archive, file, os.path.join(self._folder, f"{file.name}-{file.sha256}"))

    def _wait_for_use(self, wanted: t.Sequence[SegmentName], filling: int, *, at_least: int) -> int:
        """Wait until the server has taken some segments: up to which one, 0 where it takes no more.

        :param at_least: so many of them.
        """
        deadline = time.monotonic() + IDLE_SECONDS
        while self._is_mine(filling):
            there = self._files()
            used = max((number for number, place in enumerate(wanted, 1) if place not in there), default=0)
            if used >= min(at_least, len(wanted)):
                return used
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL)
        return 0

    def _is_mine(self, filling: int) -> bool:
        """Whether to go on: whoever clears the spool, or fills it with other segments, removes the file."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.stat(self._lock), os.fstat(filling))
        return False

    def _files(self) -> dict[SegmentName, ArchivedFile]:
        try:
            names = os.listdir(self._folder)
        except OSError:
            return {}
        found = {}
        for name in names:
            file = parse_archived(name, "")
            if file is not None and file.segment is not None:
                found[file.segment] = ArchivedFile(file.name, file.sha256, file.method, file.encrypted, name)
        return found

    def _wait_for(self, place: SegmentName) -> None:
        """Let a segment that is being fetched become whole."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and str(place) in (being_fetched(self._folder) or ()):
            time.sleep(_POLL)

    def _sweep(self) -> None:
        with contextlib.suppress(OSError):
            for name in os.listdir(self._base):
                folder = os.path.join(self._base, name)
                if not name.startswith(FETCH_PREFIX) or time.time() - os.stat(folder).st_mtime < _OLD_SECONDS:
                    continue
                if folder != self._folder:
                    for file in os.listdir(folder):
                        remove_quietly(os.path.join(folder, file))
                    os.rmdir(folder)


def _say(filling: int, names: t.Sequence[str]) -> None:
    """Note which segments are on their way."""
    text = " ".join(names).encode("ascii")
    os.pwrite(filling, text + b" ", 0)
    os.ftruncate(filling, len(text))
