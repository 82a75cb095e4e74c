# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is learnt of a binlog file while its events pass: times, transactions, and how it ends."""

from __future__ import annotations

import contextlib

from ...streams.file import FileSource
from . import codes
from .archive_folder import name_after
from .events import BinlogReader, EventHeader, TruncatedBinlogError
from .format_description import FormatDescription
from .gtid_event import parse_gtid
from .gtid_history import GtidTracker, parse_previous_gtids

_GTIDS = frozenset((codes.GTID, codes.ANONYMOUS_GTID, codes.GTID_TAGGED, codes.MARIADB_GTID))


class FileFacts:
    """The facts about the file ``name``, as far as it was seen.

    :ivar made: the header time of the format description, which tells two files of the same name apart.
    :ivar gtids_before: ``None`` until the file has said what came before it.
    :ivar ended_by: ``rotate`` or ``stop`` once the server has ended it, else empty.
    :ivar next_file: the file that follows, once it has ended.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.format: FormatDescription | None = None
        self.made = 0
        self.created = 0
        self.first_time = 0
        self.last_time = 0
        self.transactions = 0
        self.gtids_before: str | None = None
        self.ended_by = ""
        self.next_file = ""
        self._tracker = GtidTracker()

    @property
    def gtids_after(self) -> str:
        """What the server had made when the last event seen was written."""
        return str(self._tracker)

    def see(self, header: EventHeader, body: bytes, description: FormatDescription) -> None:
        """The next event; ``body`` is without its checksum.

        :raises CorruptArtifactError: a GTID cannot be read.
        """
        kind = header.type
        if header.timestamp:
            self.first_time = self.first_time or header.timestamp
            self.last_time = max(self.last_time, header.timestamp)
        if kind == codes.FORMAT_DESCRIPTION:
            self.format, self.made, self.created = description, header.timestamp, description.created
        elif kind in _GTIDS:
            self.transactions += 1
            self._tracker.add(parse_gtid(kind, header.server_id, body, self._what(header)).text)
        elif kind in (codes.PREVIOUS_GTIDS, codes.GTID_LIST):
            self.gtids_before = parse_previous_gtids(kind, body, self._what(header))
            self._tracker = GtidTracker(self.gtids_before)
        elif kind == codes.ROTATE:
            self.ended_by, self.next_file = "rotate", body[8:].decode("utf-8", "replace")
        elif kind == codes.STOP:
            self.ended_by, self.next_file = "stop", name_after(self.name)

    def _what(self, header: EventHeader) -> str:
        return f"a {header.name} event of {self.name}"


def scan(path: str, name: str) -> tuple[FileFacts, int]:
    """What a file holds, and where its last whole event ends.

    :raises CorruptArtifactError: it is damaged otherwise than by its end.
    """
    facts = FileFacts(name)
    with contextlib.closing(FileSource(path)) as source:
        head = source.read(len(codes.MAGIC))
        source.seek(0)
        if codes.MAGIC.startswith(head) and head != codes.MAGIC:
            return facts, 0
        reader = BinlogReader(source, name)
        with contextlib.suppress(TruncatedBinlogError):
            for event in reader:
                facts.see(event.header, event.body, reader.format)
        return facts, reader.position
