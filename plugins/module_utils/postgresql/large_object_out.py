# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reading the contents of large objects: many small ones in one query, big ones in pieces."""

from __future__ import annotations

import typing as t

from ..errors import ConsistencyError
from ..progress import Progress
from ..repository.records import LargeObjectsRecord
from ..streams.background import BackgroundSink
from ..streams.base import ByteSink
from .large_object_digest import DigestedObject, LargeObjectsDigest
from .session import Session

#: The first piece of every object of a batch is held at once; most objects are no bigger than that.
_BATCH = 64
_FIRST_PIECE = 1 << 16
_PIECE = 1 << 20
# Reading beyond the end gives what there is, so a short piece is the last one.
_FIRST = """
    SELECT pg_catalog.lo_get(o.oid, 0, $2::integer)
    FROM pg_catalog.unnest($1::oid[]) WITH ORDINALITY o (oid, place) ORDER BY o.place
"""
_NEXT = "SELECT pg_catalog.lo_get($1::oid, $2::bigint, $3::integer)"


class LargeObjectsSink(t.Protocol):
    """Where large objects are written, one after the other."""

    def begin(self, oid: int) -> ByteSink: ...


def large_objects_out(
    session: Session, oids: t.Sequence[int], sink: LargeObjectsSink, progress: Progress
) -> LargeObjectsRecord:
    """Write the contents of large objects into ``sink``, in the order given; what the manifest keeps of them.

    :raises ConsistencyError: the server left some out.
    :raises PrivilegeError, QueryError: the server refused to read one.
    """
    digest = LargeObjectsDigest()
    for start in range(0, len(oids), _BATCH):
        batch = oids[start : start + _BATCH]
        listed = "{" + ",".join(map(str, batch)) + "}"
        pieces = session.query_bytes(_FIRST, (listed, str(_FIRST_PIECE)))
        if len(pieces) != len(batch):
            raise ConsistencyError(
                f"of {len(batch)} large objects from {batch[0]} on only {len(pieces)} could be read",
                hint="run the backup again",
            )
        for oid, piece in zip(batch, pieces):
            size = _write(session, oid, piece, DigestedObject(sink.begin(oid), digest), progress)
            digest.end(oid, size)
    return digest.record()


def _write(session: Session, oid: int, piece: bytes, target: ByteSink, progress: Progress) -> int:
    """Write one object whose first piece is there already; its size."""
    wanted, size = _FIRST_PIECE, 0
    if len(piece) == wanted:
        target = BackgroundSink(target)
    try:
        while piece:
            target.write(piece)
            size += len(piece)
            progress.advance(len(piece))
            if len(piece) < wanted:
                break
            wanted = _PIECE
            (piece,) = session.query_bytes(_NEXT, (str(oid), str(size), str(wanted)))
        target.close()
    except BaseException:
        target.abort()
        raise
    return size
