# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a backup by the vendor's program is made of, whichever program it is."""

from __future__ import annotations

import contextlib
import typing as t

from ..errors import CorruptArtifactError, ProgramError, UsageError
from ..progress import Progress
from ..repository.records import ENGINE, PROGRAM, REASON
from ..streams.base import Buffer
from ..streams.compression import Compression, compress_sink
from ..streams.file import FileSink
from .engine import TOOLS, Engine
from .process import Room, read_output
from .programs import Program

_LEAST_SHRINKING = 4


def least_size(estimate: int, compression: Compression) -> int:
    """How much room what the program writes needs at the least, in bytes.

    :param estimate: the size of its rows as the server stores them.
    """
    return estimate // _LEAST_SHRINKING if compression.method != "none" else estimate


def write_file(
    room: Room,
    program: Program,
    arguments: t.Sequence[str],
    path: str,
    compression: Compression,
    progress: Progress,
    *,
    head: bytes = b"",
) -> list[str]:
    """Run a program and keep all that it writes in a new file.

    :param head: stands before it.
    :return: what else the program said.
    :raises ProgramError: it failed.
    """
    sink = compress_sink(FileSink(path, durable=False), compression)

    def take(data: Buffer) -> None:
        sink.write(data)
        progress.advance(len(data))

    try:
        sink.write(head)
        warnings = read_output(room, program, arguments, take)
        sink.close()
    except BaseException:
        sink.abort()
        raise
    return warnings


@contextlib.contextmanager
def found_whole(program: Program) -> t.Iterator[None]:
    """While what the program wrote is read by our own reader.

    :raises ProgramError: it is not whole, although the program ended as if all were well.
    """
    try:
        yield
    except (CorruptArtifactError, UsageError) as error:
        raise ProgramError(
            f"{program.name} ended as if all were well, but what it wrote cannot be restored: {error.message}",
            hint="nothing was published; look for what stands in between: a wrapper, a full disk, a proxy",
            program=program.path,
        ) from error


def engine_record(engine: Engine, program: Program) -> dict[str, t.Any]:
    """What the manifest's options tell of who made the backup."""
    recorded: dict[str, t.Any] = {ENGINE: TOOLS, PROGRAM: program.words}
    if engine.reason:
        recorded[REASON] = engine.reason
    return recorded
