# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The one way in which a program of the vendor is run.

It runs in a process group of its own, which ends with this job however that ends. Its exit code and all that it says
are looked at: a code other than zero is a failure, and what it says otherwise is a warning for the user.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import typing as t

from ..errors import ProgramError, StorageError
from ..lazy_dataclass import dataclass
from ..local_server.process import end_with_parent
from ..progress import Progress
from ..streams.base import Buffer
from .programs import Program
from .scratch import ScratchFolder

_POLL_SECONDS = 0.2
_SECONDS_TO_STOP = 10.0
_BLOCK_SIZE = 1 << 18
_MOST_SAID = 64 << 10
_MOST_LINES = 20
_LONGEST_WORDS = 800
# What may quote rows.
_QUOTES = re.compile(r"^(?:pg_\w+: |psql:[^ ]* )?(?:detail|DETAIL|CONTEXT|LINE \d+|Command was)\b")
_VALUES = re.compile(r"(?<=[Dd]uplicate entry )'.*'(?= for key)|(?<=value: )(?:'.*'|\".*\")")

Grown = t.Callable[[int], None]
Take = t.Callable[[Buffer], None]


@dataclass(frozen=True)
class Room:
    """Where programs run.

    :param environment: all that they get to see.
    :param secrets: texts that must be in no message, whatever a program says.
    :param told: what programs said beside the answers to questions, for the user.
    """

    scratch: ScratchFolder
    environment: t.Mapping[str, str]
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    told: list[str] = dataclasses.field(default_factory=list)


def ask(room: Room, program: Program, arguments: t.Sequence[str]) -> bytes:
    """What a program answers, where that is little.

    :raises ProgramError: it failed.
    """
    parts: list[bytes] = []
    room.told.extend(read_output(room, program, arguments, lambda data: parts.append(bytes(data))))
    return b"".join(parts)


def read_output(
    room: Room, program: Program, arguments: t.Sequence[str], take: t.Callable[[Buffer], None]
) -> list[str]:
    """Run a program and hand all that it writes to ``take``, in pieces.

    :return: what else it said.
    :raises ProgramError: it failed.
    """
    with _running(room, program, arguments, stdout=subprocess.PIPE) as running:
        output = t.cast("t.IO[bytes]", running.process.stdout)
        while True:
            data = os.read(output.fileno(), _BLOCK_SIZE)
            if not data:
                break
            take(data)
        return running.finish()


def write_artifact(room: Room, program: Program, arguments: t.Sequence[str], path: str, grown: Grown) -> list[str]:
    """Run a program that makes a file or a folder itself.

    :param path: where it is told to.
    :param grown: is told now and then how many more bytes there are.
    :return: what else it said.
    :raises ProgramError: it failed.
    """
    with _running(room, program, arguments, stdout=subprocess.DEVNULL) as running:
        running.watch(lambda: _size_of(path), grown)
        return running.finish()


class Readable(t.Protocol):
    """What is read to its end, in pieces."""

    def read(self, size: int) -> Buffer: ...


def feed(room: Room, program: Program, arguments: t.Sequence[str], source: Readable, progress: Progress) -> list[str]:
    """Run a program and write all of ``source`` to it.

    :return: what it said.
    :raises ProgramError: it failed.
    """
    with _running(room, program, arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as running:
        pipe = t.cast("t.IO[bytes]", running.process.stdin)
        while True:
            piece = source.read(_BLOCK_SIZE)
            try:
                if not piece:
                    pipe.flush()
                    return running.finish()
                pipe.write(piece)
            except BrokenPipeError:
                # It has ended; why is what its code and its words say.
                break
            progress.advance(len(piece))
        running.finish()
        raise ProgramError(f"{program.name} ended before all was written to it", program=program.path)


def run(room: Room, program: Program, arguments: t.Sequence[str]) -> list[str]:
    """Run a program to its end.

    :return: what it said.
    :raises ProgramError: it failed.
    """
    with _running(room, program, arguments, stdout=subprocess.DEVNULL) as running:
        return running.finish()


class _Running:
    """A program while it runs."""

    def __init__(self, room: Room, program: Program, process: subprocess.Popen[bytes], said: str) -> None:
        self.process = process
        self._room = room
        self._program = program
        self._said = said

    def watch(self, size: t.Callable[[], int], grown: Grown) -> None:
        """Wait for its end, and tell how much more it has written."""
        known = 0
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_POLL_SECONDS)
            now = size()
            grown(max(0, now - known))
            known = max(known, now)
            if self.process.returncode is not None:
                return

    def finish(self) -> list[str]:
        """Wait for its end; what it said.

        :raises ProgramError: it failed.
        """
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        code = self.process.wait()
        lines = self._lines()
        if code == 0:
            return lines
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        words = "; ".join(lines)[-_LONGEST_WORDS:] or "it said nothing"
        raise ProgramError(
            f"{self._program.name} {how}: {words}",
            program=self._program.path,
            exit_code=code,
        )

    def _lines(self) -> list[str]:
        try:
            with open(self._said, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _MOST_SAID))
                text = file.read().decode("utf-8", "replace")
        except OSError as error:
            raise StorageError(f"cannot read what {self._program.name} said: {error.strerror}") from error
        for secret in self._room.secrets:
            text = text.replace(secret, "********")
        lines = [" ".join(line.split()) for line in text.splitlines() if line.strip() and not _QUOTES.match(line)]
        lines = [_VALUES.sub("'…'", line) for line in lines]
        left_out = len(lines) - _MOST_LINES
        return lines if left_out <= 0 else [f"({left_out} lines before)", *lines[-_MOST_LINES:]]


@contextlib.contextmanager
def _running(
    room: Room,
    program: Program,
    arguments: t.Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int,
) -> t.Iterator[_Running]:
    said = room.scratch.new_name("said")
    try:
        errors = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_APPEND, 0o600)
    except OSError as error:
        raise StorageError(f"cannot create {said}: {error.strerror}", path=said) from error
    try:
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            [program.path, *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=errors,
            cwd=room.scratch.path,
            env=dict(room.environment),
            umask=0o077,
            # One call into a library that is loaded: nothing that another thread could hold a lock of.
            preexec_fn=end_with_parent,  # noqa: PLW1509
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramError(f"cannot start {program.path}: {error.strerror}", program=program.path) from error
    finally:
        os.close(errors)
    try:
        yield _Running(room, program, process, said)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a program and everything that it started, and close what leads to it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _size_of(path: str) -> int:
    try:
        if not os.path.isdir(path):
            return os.path.getsize(path)
        with os.scandir(path) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except OSError:
        # The program has not made it yet, or has just moved a file.
        return 0
