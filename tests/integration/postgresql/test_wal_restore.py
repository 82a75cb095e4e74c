# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Physical backups restored to moments, on real servers."""

from __future__ import annotations

import collections
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError
from dbfleet.postgresql.physical_restore import wal_chain
from dbfleet.postgresql.physical_restore.recovery import RecoveryTarget
from dbfleet.postgresql.wal.archive import WalArchive
from dbfleet.progress import Progress
from dbfleet.wal_restore import WalRestoreResult, restore_physical
from dbfleet.wal_restore_plan import WalRestoreRequest
from tests.integration.postgresql.wal_restore_support import (
    CLUSTER,
    Marked,
    Moment,
    account,
    marked_server,
    open_folder,
    programs,
    rows_of,
)
from tests.servers.fixtures import POSTGRESQL, ServerPool


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def restored(marked: Marked, source: str, data: Path, target: RecoveryTarget, **more: object) -> WalRestoreResult:
    """Restore and recover."""
    fields = {"repository": marked.repository, "cluster": CLUSTER, "recover": True}
    fields |= {"server_programs": programs(marked.server.name), **more}
    request = WalRestoreRequest(
        data_folder=str(data),
        target=target,
        source=source,
        owner=account(),
        archive_off=True,
        **fields,  # type: ignore[arg-type]
    )
    return restore_physical(request, Progress())


def targets(moment: Moment, following: Moment) -> list[RecoveryTarget]:
    """Every way to say that the rows up to ``moment`` are wanted."""
    return [
        RecoveryTarget(time=moment.time),
        RecoveryTarget(lsn=moment.lsn),
        RecoveryTarget(xid=moment.xid),
        RecoveryTarget(xid=following.xid, exclusive=True),
        RecoveryTarget(name=f"mark{moment.rows}"),
    ]


@pytest.mark.parametrize("name", [POSTGRESQL[0], POSTGRESQL[-1]])
def test_reaches_every_kind_of_target(name: str, server_pool: ServerPool, place: Path) -> None:
    with marked_server(name, place) as marked:
        marked.mark()
        source = marked.base_backup("base")
        moments = []
        for number in range(6):
            moments.append(marked.mark(named=f"mark{marked.rows + 1}"))
            if number % 2:
                marked.archive_wal()
        marked.archive_wal()
        kinds = (0, 2, 3) if name == POSTGRESQL[0] else (0, 1, 4)
        chosen = random.Random(name).sample(range(len(moments) - 1), len(kinds))
        for number, (kind, index) in enumerate(zip(kinds, chosen)):
            target = targets(moments[index], moments[index + 1])[kind]
            data = place / f"data{number}"
            result = restored(marked, source, data, target)
            assert rows_of(name, data, place / f"s{number}") == moments[index].rows, target
            recovered = result.restore["recovered"]
            assert (recovered["state"], recovered["timeline"]) == ("promoted", 2), target
        latest = restored(marked, source, place / "latest", RecoveryTarget())
        assert rows_of(name, place / "latest", place / "s") == marked.rows
        assert latest.restore["recovered"]["time"]

        first = restored(marked, source, place / "first", RecoveryTarget(immediate=True))
        assert rows_of(name, place / "first", place / "t") == 1
        assert first.restore["wal"]["segments"] <= 1

        for beyond in (
            RecoveryTarget(lsn=moments[-1].lsn + (1 << 30)),
            RecoveryTarget(time=moments[-1].time.replace(year=2099)),
            RecoveryTarget(xid=moments[-1].xid + 1000),
            RecoveryTarget(name="nobody"),
        ):
            with pytest.raises(NotFoundError, match="is not in the WAL that is archived; it reaches from 0/"):
                restored(marked, source, place / "none", beyond)
            assert not (place / "none").exists()


def test_the_wal_of_several_backups_is_searched_once(
    server_pool: ServerPool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction or a restore point may lie before each of the newer backups."""
    read: collections.Counter[str] = collections.Counter()
    genuine = wal_chain.read_segment

    def counted(archive: WalArchive, segment: wal_chain.WalSegment, size: int) -> Iterator[bytes]:
        read[str(segment.place)] += 1
        return genuine(archive, segment, size)

    monkeypatch.setattr(wal_chain, "read_segment", counted)
    with marked_server(POSTGRESQL[-1], place) as marked:
        backups = [marked.backup()]
        wanted = marked.mark(named="wanted")
        for _number in range(3):
            marked.mark()
            marked.archive_wal()
            backups.append(marked.backup())
        marked.mark()
        marked.archive_wal()
        for target in (RecoveryTarget(name="wanted"), RecoveryTarget(xid=wanted.xid)):
            read.clear()
            found = restored(marked, "", place / "data", target, check=True)
            assert found.backup["id"] == backups[0]
            # One more for a record that begins in a segment and ends in the next one, where another search began.
            assert max(read.values()) <= 3
            assert sum(read.values()) <= len(read) + 2 * len(backups)
        for target in (RecoveryTarget(name="nobody"), RecoveryTarget(xid=wanted.xid + 1_000_000)):
            read.clear()
            with pytest.raises(NotFoundError, match="is not in the WAL that is archived; it reaches from"):
                restored(marked, "", place / "data", target, check=True)
            assert sum(read.values()) <= len(read) + 2 * len(backups)
