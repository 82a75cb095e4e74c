# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What ``push`` and ``fetch`` can answer before the rest of the program is imported.

A server runs its command for each segment, so for most of them importing everything would take longer than the work:
``push`` finds a note that a file was archived ahead of its call, ``fetch`` a segment that was fetched ahead. Whatever
is not as expected here is left to the whole program.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
import typing as t

from ...posix_only import fcntl

PUSH_PREFIX, FETCH_PREFIX = "wal-push-", "wal-fetch-"
#: What a file is called until it is whole; a server takes no notice of such a name.
UNFINISHED = ".new"
#: Locked by the process that fetches segments ahead; its content names those that are on their way.
FETCHING = "lock"
_SPOOL = "--spool"
_LOG_FILE = re.compile(r"(?:.*/)?(?:[0-9A-F]{24}(?:\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history)\Z")
_TARGETS = ("RECOVERYXLOG", "RECOVERYHISTORY")
_SPOOLED = re.compile(r"([0-9A-F]{24})-([0-9a-f]{64})\Z")
_BLOCK = 1 << 20
_LARGEST_NOTES = 1 << 20
_MOST_NOTES = 256
#: Said of a spool that somebody fills already.
_PLENTY = 1 << 16
_PATIENCE = 60.0
_POLL = 0.005


def usual_spool() -> str:
    """The folder for what is done ahead, unless one is given."""
    home = os.environ.get("XDG_STATE_HOME", "")
    if not home:
        home = "/var/lib" if os.geteuid() == 0 else os.path.expanduser("~/.local/state")
    return os.path.join(home, "dbfleet")


def spool_path(prefix: str, arguments: t.Sequence[str]) -> str:
    """Where a command keeps what it did ahead: another place for each server and for each set of options.

    :param arguments: behind ``push`` or ``fetch``; the file is left out of account.
    """
    folder = usual_spool()
    options = []
    following = ""
    for argument in arguments:
        if following == _SPOOL:
            folder = argument
        elif argument.startswith(f"{_SPOOL}="):
            folder = argument.partition("=")[2]
        if not _LOG_FILE.match(argument) and os.path.basename(argument) not in _TARGETS:
            options.append(argument)
        following = argument
    key = hashlib.sha256(json.dumps([os.getcwd(), *options]).encode()).hexdigest()[:24]
    return os.path.join(os.path.abspath(folder), prefix + key)


def was_pushed(arguments: t.Sequence[str]) -> bool:
    """Whether the file was archived ahead of this call; the note is used up."""
    paths = [argument for argument in arguments if _LOG_FILE.match(argument)]
    if len(paths) != 1:
        return False
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        notes = Notes.open(spool_path(PUSH_PREFIX, arguments), stack)
        return notes is not None and notes.take(paths[0])
    return False


class Notes:
    """What was archived ahead of its call: each note counts once, for exactly that file.

    :param path: of the file; nobody else uses it meanwhile.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._noted = _read_notes(path)

    @classmethod
    def open(cls, path: str, stack: contextlib.ExitStack) -> Notes | None:
        """Lock the notes; ``None`` while another call has them.

        :raises OSError: the folder cannot be written.
        """
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return cls(path)

    def take(self, path: str) -> bool:
        """Whether the file was archived ahead; the note is used up.

        :raises OSError: the notes cannot be written.
        """
        facts = self._noted.pop(os.path.basename(path), None)
        if facts is None:
            return False
        self._write()
        return facts == facts_of(path)

    def add(self, done: t.Mapping[str, list[int]]) -> None:
        """These were archived: names, and :func:`facts_of` each from before it was read.

        :raises OSError: the notes cannot be written.
        """
        if done:
            self._noted.update(done)
            self._write()

    def _write(self) -> None:
        newest = dict(sorted(self._noted.items())[-_MOST_NOTES:])
        # If it is lost, files are archived once more, which changes nothing.
        beside = self._path + UNFINISHED
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            json.dump(newest, file)
        os.replace(beside, self._path)


def facts_of(path: str) -> list[int]:
    """What tells one file from another one that took its name.

    :raises OSError: it cannot be looked at.
    """
    found = os.stat(path)
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]


def take_fetched(arguments: t.Sequence[str]) -> int | None:
    """Hand over a segment that was fetched ahead, after comparing its digest, or that is just being fetched.

    :return: how many are left, or very many where more are being fetched; ``None`` where it is not there.
    """
    places = [number for number, argument in enumerate(arguments) if _LOG_FILE.match(argument)]
    if len(places) != 1 or places[0] + 1 >= len(arguments):
        return None
    name, path = arguments[places[0]], arguments[places[0] + 1]
    folder = spool_path(FETCH_PREFIX, arguments)
    deadline = time.monotonic() + _PATIENCE
    is_sure = False
    with contextlib.suppress(OSError):
        while True:
            # In this order: what is not on its way any more is there.
            coming = being_fetched(folder)
            there = [found for found in map(_SPOOLED.match, os.listdir(folder)) if found]
            wanted = next((found for found in there if found[1] == name), None)
            if wanted is not None:
                is_whole = _hand_over(os.path.join(folder, wanted[0]), wanted[2], path)
                left = len(there) - 1 if coming is None else _PLENTY
                return left if is_whole else None
            if coming is None or time.monotonic() > deadline or (name not in coming and is_sure):
                return None
            # What is being written just now may have been read in part.
            is_sure = name not in coming
            time.sleep(_POLL)
    return None


def being_fetched(folder: str) -> frozenset[str] | None:
    """The segments that are on their way into a spool; ``None`` where nobody fills it."""
    try:
        descriptor = os.open(os.path.join(folder, FETCHING), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return frozenset(os.pread(descriptor, _LARGEST_NOTES, 0).decode("ascii", "replace").split())
    finally:
        os.close(descriptor)
    return None


def _hand_over(spooled: str, sha256: str, path: str) -> bool:
    """Give a file to the server where its digest is right; in either case it is not in the spool any more."""
    try:
        if os.stat(spooled).st_dev == os.stat(os.path.dirname(path) or ".").st_dev:
            with open(spooled, "rb") as file:
                is_whole = _digest(file, lambda _data: None) == sha256
            if is_whole:
                os.rename(spooled, path)
            return is_whole
        return _copy(spooled, sha256, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(spooled)


def _copy(source: str, sha256: str, path: str) -> bool:
    beside = path + UNFINISHED
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file, open(source, "rb") as spooled:
            is_whole = _digest(spooled, file.write) == sha256
        if is_whole:
            os.rename(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    if not is_whole:
        os.unlink(beside)
    return is_whole


def _digest(source: t.BinaryIO, take: t.Callable[[bytes], object]) -> str:
    digest = hashlib.sha256()
    for data in iter(lambda: source.read(_BLOCK), b""):
        digest.update(data)
        take(data)
    return digest.hexdigest()


def run_apart(work: t.Callable[[], None]) -> None:
    """Let a process of its own do something; nobody waits for it, or learns how it ended."""
    if os.fork():
        return
    code = 1
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        work()
        code = 0
    finally:
        # What the parent has begun is for the parent to end.
        os._exit(code)


def _read_notes(path: str) -> dict[str, list[int]]:
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(_LARGEST_NOTES))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): facts for name, facts in found.items() if isinstance(facts, list)}
