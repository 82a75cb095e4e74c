# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A file of an incremental backup: the blocks that changed, to be laid over what an older backup holds.

``INCREMENTAL.<name>``, little-endian: magic, number of blocks, length in blocks below which older ones count, the
blocks' numbers, zeros up to a whole block where there are any blocks, and the blocks (``basebackup_incremental.c``).
"""

from __future__ import annotations

import struct
import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass

PREFIX = "INCREMENTAL."
MAGIC = 0xD3AE1F0D

_HEAD = struct.Struct("<III")


@dataclass(frozen=True)
class Increment:
    """The head of such a file.

    :param blocks: the numbers of the blocks that follow, in the order of the blocks.
    :param truncation: how many blocks of the file are as older backups have them, where they are not among these.
    """

    blocks: tuple[int, ...]
    truncation: int

    def size(self, block_size: int) -> int:
        """Of the whole file, in bytes."""
        return max(self.truncation, max(self.blocks, default=-1) + 1) * block_size


class IncrementReader:
    """Reads such a file out of the pieces that it comes in.

    :param name: what errors call it.
    :raises CorruptArtifactError: it is none.
    """

    def __init__(self, pieces: t.Iterator[bytes], block_size: int, blocks_per_file: int, *, name: str) -> None:
        self._pieces = pieces
        self._buffer = bytearray()
        self._name = name
        self._block_size = block_size
        magic, count, truncation = _HEAD.unpack(self._take(_HEAD.size))
        if magic != MAGIC or count > blocks_per_file or truncation > blocks_per_file:
            raise self._damaged("its head is none")
        blocks = struct.unpack(f"<{count}I", self._take(4 * count))
        if any(block >= blocks_per_file for block in blocks) or len(set(blocks)) != count:
            raise self._damaged("it numbers blocks that cannot be")
        if count:
            self._take(-(_HEAD.size + 4 * count) % block_size)
        self.head = Increment(blocks, truncation)

    def blocks(self) -> t.Iterator[tuple[int, bytes]]:
        """The blocks, each with where it goes, in bytes.

        :raises CorruptArtifactError: the file is shorter or longer than its head says.
        """
        for block in self.head.blocks:
            yield block * self._block_size, bytes(self._take(self._block_size))
        if self._buffer or any(True for piece in self._pieces if piece):
            raise self._damaged("there is something behind its last block")

    def _take(self, size: int) -> bytearray:
        while len(self._buffer) < size:
            piece = next(self._pieces, b"")
            if not piece:
                raise self._damaged("it ends too early")
            self._buffer += piece
        taken = self._buffer[:size]
        del self._buffer[:size]
        return taken

    def _damaged(self, cause: str) -> CorruptArtifactError:
        return CorruptArtifactError(f"the incremental file {self._name} is damaged: {cause}", path=self._name)


def whole_name(path: str) -> str:
    """The path of the file that an incremental file is a part of; empty for a path of another file."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name[len(PREFIX) :]}" if name.startswith(PREFIX) and len(name) > len(PREFIX) else ""
