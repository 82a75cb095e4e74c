# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is learnt of a binlog file while its events pass: times, transactions, and how it ends."""

from __future__ import annotations

import contextlib
import struct

from ...lazy_dataclass import dataclass
from ...streams.base import Buffer
from ...streams.file import FileSource
from . import codes
from .binlog_name import name_after
from .events import BinlogReader, EventHeader, TruncatedBinlogError
from .format_description import FormatDescription
from .gtid_event import parse_gtid
from .gtid_history import GtidTracker, parse_previous_gtids

#: How many bytes lie at least between two transactions whose offsets are kept.
_BETWEEN_BOUNDARIES = 16 << 20
#: MariaDB's number of a transaction, and its domain.
_SEQUENCE = struct.Struct("<QI")
_GTIDS = frozenset((codes.GTID, codes.ANONYMOUS_GTID, codes.GTID_TAGGED, codes.MARIADB_GTID))


#: Those that begin a transaction, with the least size of a body that has all of the identifier.
LEAST_BEGINNINGS = {codes.GTID: 25, codes.ANONYMOUS_GTID: 25, codes.MARIADB_GTID: 13}
_NEVER = 1 << 32
_NO_FORMAT = FormatDescription("", 0, b"", checksums=False, names_checksums=False)
_COPIED = ("made", "created", "first_time", "last_time", "transactions", "gtids_before", "ended_by", "next_file")


@dataclass(frozen=True)
class FactsRecord:
    """Facts as they are written down; the fields are those of :class:`FileFacts` and of its format description.

    :param post_headers: in hexadecimal digits.
    :param knows_before: the file has said what came before it.
    """

    name: str
    made: int
    created: int
    first_time: int
    last_time: int
    transactions: int
    gtids_before: str
    ended_by: str
    next_file: str
    server_version: str
    post_headers: str
    checksums: bool
    names_checksums: bool
    knows_before: bool
    position: int
    gtids_after: str
    boundaries: tuple[tuple[int, int], ...]


#: The types of events of which more than the header is of interest.
BODIES = _GTIDS | {codes.FORMAT_DESCRIPTION, codes.PREVIOUS_GTIDS, codes.GTID_LIST, codes.ROTATE}


class FileFacts:
    """The facts about the file ``name``, as far as it was seen.

    :ivar made: the header time of the format description, which tells two files of the same name apart.
    :ivar gtids_before: ``None`` until the file has said what came before it.
    :ivar ended_by: ``rotate`` or ``stop`` once the server has ended it, else empty.
    :ivar next_file: the file that follows, once it has ended.
    :ivar boundaries: of a transaction every so many bytes, the offset of its first byte and its time.
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
        self.boundaries: list[tuple[int, int]] = []
        self._position = len(codes.MAGIC)
        self._tracker = GtidTracker()

    @property
    def gtids_after(self) -> str:
        """What the server had made when the last event seen was written."""
        return str(self._tracker)

    def see(self, header: EventHeader, body: bytes, description: FormatDescription) -> None:
        """The next event; ``body`` is without its checksum.

        :raises CorruptArtifactError: a GTID cannot be read.
        """
        kind, position = header.type, self._position
        self.pass_over(header.size, header.timestamp, header.timestamp)
        if kind == codes.FORMAT_DESCRIPTION:
            self.format, self.made, self.created = description, header.timestamp, description.created
        elif len(body) >= LEAST_BEGINNINGS.get(kind, _NEVER):
            self.see_beginning(kind, header.server_id, header.timestamp, position, body)
        elif kind in _GTIDS:
            self._begin(position, header.timestamp)
            self._tracker.add(parse_gtid(kind, header.server_id, body, self._what(header)).text)
        elif kind in (codes.PREVIOUS_GTIDS, codes.GTID_LIST):
            self.gtids_before = parse_previous_gtids(kind, body, self._what(header))
            self._tracker = GtidTracker(self.gtids_before)
        elif kind == codes.ROTATE:
            self.ended_by, self.next_file = "rotate", body[8:].decode("utf-8", "replace")
        elif kind == codes.STOP:
            self.ended_by, self.next_file = "stop", name_after(self.name)

    def see_beginning(self, kind: int, server_id: int, timestamp: int, position: int, body: Buffer) -> None:
        """The event that begins a transaction, with all of its identifier; :meth:`pass_over` must be called beside it.

        :param position: of its first byte.
        :param body: may be followed by the checksum.
        """
        self._begin(position, timestamp)
        if kind == codes.MARIADB_GTID:
            number, domain = _SEQUENCE.unpack_from(body)
            self._tracker.add_sequence(domain, server_id, number)
        elif kind == codes.GTID:
            self._tracker.add_number(bytes(body[1:17]), int.from_bytes(body[17:25], "little"))

    def pass_over(self, size: int, first_time: int, last_time: int) -> None:
        """Events that say nothing but when they were made.

        :param first_time: header time of the first of them that has one, 0 for none; ``last_time`` is the latest.
        """
        self._position += size
        self.first_time = self.first_time or first_time
        self.last_time = max(self.last_time, last_time)

    def _begin(self, position: int, timestamp: int) -> None:
        self.transactions += 1
        if not self.boundaries or position - self.boundaries[-1][0] >= _BETWEEN_BOUNDARIES:
            self.boundaries.append((position, timestamp))

    def record(self) -> FactsRecord:
        """Everything, to be written down."""
        form = self.format or _NO_FORMAT
        return FactsRecord(
            server_version=form.server_version,
            post_headers=form.post_headers.hex(),
            checksums=form.checksums,
            names_checksums=form.names_checksums,
            knows_before=self.gtids_before is not None,
            position=self._position,
            gtids_after=self.gtids_after,
            boundaries=tuple(self.boundaries),
            name=self.name,
            gtids_before=self.gtids_before or "",
            ended_by=self.ended_by,
            next_file=self.next_file,
            made=self.made,
            created=self.created,
            first_time=self.first_time,
            last_time=self.last_time,
            transactions=self.transactions,
        )

    @classmethod
    def of(cls, record: FactsRecord) -> FileFacts:
        """What :meth:`record` gave."""
        facts = cls(record.name)
        for name in _COPIED:
            setattr(facts, name, getattr(record, name))
        if not record.knows_before:
            facts.gtids_before = None
        if record.server_version:
            facts.format = FormatDescription(
                server_version=record.server_version,
                created=record.created,
                post_headers=bytes.fromhex(record.post_headers),
                checksums=record.checksums,
                names_checksums=record.names_checksums,
            )
        facts.boundaries = list(record.boundaries)
        facts._position = record.position
        facts._tracker = GtidTracker(record.gtids_after)
        return facts

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
