# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a caller can ask of a physical backup."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..options import ConnectionOptions

CHECKPOINTS = ("fast", "spread")
#: What a damaged page does to a backup.
CHECKSUM_ERRORS = ("fail", "warn")
LEAST_RATE, LARGEST_RATE = 32, 1048576


class Parent(t.Protocol):
    """The backup that an incremental one builds on."""

    @property
    def id(self) -> str:
        """Its id in the repository."""

    def manifest(self) -> bytes:
        """Its ``backup_manifest``.

        :raises DbfleetError: it cannot be read, or is gone.
        """


@dataclass(frozen=True)
class PhysicalBackupOptions:
    """One physical backup of a whole server.

    :param checkpoint: whether the server writes what is in memory at once (``fast``), or as its settings say.
    :param label: what the backup is called in ``backup_label``.
    :param compression: as :class:`~dbfleet.streams.compression.Compression` reads it; empty for the default.
    :param server_compression: the server compresses the archives, not this host (15 and later).
    :param max_rate: kilobytes a second that the server sends at most; 0 for no limit.
    :param checksum_errors: one of :data:`CHECKSUM_ERRORS`.
    :param use_slot: the server keeps the log that the backup needs by a temporary slot.
    :param timeout: seconds without a byte after which the server is taken for dead, once it sends.
    :param parent: what an incremental backup builds on, ``None`` for a full one.
    """

    dbms: t.ClassVar[t.Literal["postgresql"]] = "postgresql"

    connection: ConnectionOptions
    checkpoint: str = "spread"
    label: str = "dbfleet"
    compression: str = ""
    server_compression: bool = False
    max_rate: int = 0
    checksum_errors: str = "fail"
    use_slot: bool = True
    timeout: float = 300.0
    parent: Parent | None = None
