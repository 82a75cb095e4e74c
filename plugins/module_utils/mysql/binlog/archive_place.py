# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What an archiver needs of the place that it archives into: a plain folder, or a repository."""

from __future__ import annotations

import typing as t

from ...streams.base import Buffer
from .archive_record import Sealed
from .file_facts import FileFacts


class Tail(t.Protocol):
    """The file that is being archived, appended to."""

    @property
    def size(self) -> int:
        """What was taken, in bytes."""

    @property
    def is_full(self) -> bool:
        """Whether so much waits in memory that it has to be synced."""

    def write(self, pieces: t.Sequence[Buffer], size: int) -> None:
        """Take events, one after the other; views are not kept.

        :param size: of all together.
        """

    def sync(self, facts: FileFacts) -> None:
        """Make everything durable.

        :param facts: about exactly what was taken.
        """

    def hexdigest(self) -> str:
        """SHA-256 of the whole file so far; empty where its beginning cannot be read again."""

    def close(self) -> None:
        """Release it; what was not synced is lost."""


class ServerLog(t.Protocol):
    """The archived binlogs of one server, in which file follows file without a gap."""

    @property
    def held(self) -> str | None:
        """For a log that holds nothing yet: the GTIDs that logs of other servers hold, which it is to go on from.

        ``None`` where there is nothing to go on from.
        """

    @property
    def way_out(self) -> str:
        """What to do when it cannot be gone on with."""

    def last(self) -> Sealed | None:
        """The newest of the complete files.

        :raises CorruptArtifactError: a record cannot be read.
        """

    def mend(self, record: t.Callable[[FileFacts, int, str], Sealed]) -> list[Sealed]:
        """Finish what a run that was killed did not: files that are complete and have no record.

        :param record: makes one of facts, size and SHA-256.
        :return: the records that were written.
        """

    def resume(self) -> tuple[FileFacts, Tail] | None:
        """The unfinished file, cut after its last whole event."""

    def tail_position(self) -> tuple[str, int] | None:
        """The unfinished file and its size after the last whole event, without touching it."""

    def begin(self, facts: FileFacts) -> Tail:
        """A new file."""

    def seal(self, tail: Tail, record: Sealed) -> None:
        """Say that the unfinished file is complete; it was synced."""

    def write_status(self, content: t.Mapping[str, t.Any]) -> None:
        """Replace the status file."""


class ArchivePlace(t.Protocol):
    """Where binlogs are archived."""

    @property
    def location(self) -> str:
        """For people."""

    def log_of(self, server: t.Mapping[str, str], *, check: bool) -> t.ContextManager[ServerLog]:
        """The log of a server, nobody else writing into it.

        :param server: see :func:`.server_identity.identity_of`.
        :param check: it will only be looked at: nothing is made, and nobody kept away.
        :raises LockedError: somebody else does.
        """
