# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random moments of a server under load that is promoted twice, each restored and compared with what was seen then.

``DBFLEET_MOMENTS=50`` restores so many of them on each version that ``DBFLEET_TEST_SERVERS`` names; without, it is a
few on the newest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.postgresql.physical_restore.recovery import RecoveryTarget
from tests import servers
from tests.integration.postgresql.test_wal_restore import restored
from tests.integration.postgresql.wal_archive_support import wait_until
from tests.integration.postgresql.wal_restore_support import (
    ARCHIVING,
    Marked,
    Moment,
    marked_server,
    open_folder,
    running,
)
from tests.servers import Server, folders
from tests.servers.fixtures import POSTGRESQL, ServerPool

_GIVEN = int(os.environ.get("DBFLEET_MOMENTS", "0"))
_MOMENTS = _GIVEN or 3
_VERSIONS = POSTGRESQL if _GIVEN else POSTGRESQL[-1:]
_ROWS, _AMOUNT = 500, 100
_KINDS = ("time", "lsn", "xid", "name", "time before", "xid before")


@dataclasses.dataclass(frozen=True)
class Seen:
    """A moment, the one behind it on the same way, and how to get there.

    :param timeline: to be asked for; ``latest`` where it is on the way to the present.
    """

    moment: Moment
    following: Moment
    name: str
    timeline: str = "latest"

    def target(self, kind: str) -> RecoveryTarget:
        if kind == "time":
            return RecoveryTarget(time=self.moment.time, timeline=self.timeline)
        if kind == "time before":
            return RecoveryTarget(time=self.moment.time, exclusive=True, timeline=self.timeline)
        if kind == "lsn":
            return RecoveryTarget(lsn=self.moment.lsn, timeline=self.timeline)
        if kind == "xid":
            return RecoveryTarget(xid=self.moment.xid, timeline=self.timeline)
        if kind == "xid before":
            return RecoveryTarget(xid=self.following.xid, exclusive=True, timeline=self.timeline)
        return RecoveryTarget(name=self.name, timeline=self.timeline)


@contextlib.contextmanager
def load(server: Server) -> Iterator[None]:
    """Two clients that move amounts between rows, and sometimes change their minds."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        try:
            with server.connect() as connection:
                while not stop.is_set():
                    one, other = sorted(chance.sample(range(_ROWS), 2))
                    with contextlib.suppress(_ChangedMindError), connection.transaction():
                        connection.execute("UPDATE account SET amount = amount - 1 WHERE n = %s", (one,))
                        connection.execute("UPDATE account SET amount = amount + 1 WHERE n = %s", (other,))
                        connection.execute("INSERT INTO journal VALUES (%s, %s)", (one, other))
                        if chance.random() < 0.1:
                            raise _ChangedMindError
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures


class _ChangedMindError(Exception):
    """A transaction is rolled back."""


def marks(marked: Marked, count: int, *, timeline: str = "latest") -> list[Seen]:
    """Moments under load, and one more behind them that makes sure of the last."""
    names = [f"point {marked.server.port} {marked.rows + number + 1}" for number in range(count)]
    moments = []
    with load(marked.server):
        for number, name in enumerate(names):
            moments.append(marked.mark(named=name))
            if number % 5 == 4:
                marked.archive_wal()
        moments.append(marked.mark())
    return [Seen(one, following, name, timeline) for one, following, name in zip(moments, moments[1:], names)]


def promote(server: Server) -> None:
    """What ``pg_ctl promote`` does."""
    trigger = server.data_dir / "promote"
    trigger.touch()
    folders.give_to_server(trigger)
    os.kill(server.pid, signal.SIGUSR1)
    wait_until(lambda: not server.execute("SELECT pg_is_in_recovery()")[0][0])


def taken_over(marked: Marked, standby: Server) -> list[Seen]:
    """Have a standby take over, which the primary does not notice; what it does from then on is on a way of its own."""
    primary, rows = marked.server, marked.rows
    (position,) = primary.execute("SELECT pg_current_wal_lsn()")[0]
    wait_until(lambda: standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn")[0][0])
    timeline = primary.execute("SELECT timeline_id FROM pg_control_checkpoint()")[0][0]
    promote(standby)
    lost = marks(marked, 2, timeline=str(timeline))
    marked.archive_wal()
    primary.stop()
    marked.server, marked.rows = standby, rows
    return lost


def check(name: str, data: Path, socket: Path, expected: int) -> None:
    """The restored server holds the marks of the moment, whole transactions of the load, and sound indexes."""
    with running(name, data, socket) as connection:
        count, highest = connection.execute("SELECT count(*), max(id) FROM marks").fetchone()
        assert (count, highest) == (expected, expected)
        total, turned = connection.execute("SELECT sum(amount), sum(amount * n) FROM account").fetchone()
        assert total == _ROWS * _AMOUNT
        (moved,) = connection.execute("SELECT coalesce(sum(other - one), 0) FROM journal").fetchone()
        (begun,) = connection.execute("SELECT sum(%s * n) FROM account", (_AMOUNT,)).fetchone()
        assert turned == begun + moved
        if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'").fetchone():
            connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
            for index in ("marks_pkey", "account_pkey"):
                connection.execute("SELECT bt_index_parent_check(%s::regclass)", (index,))


@pytest.mark.timeout(300 + 60 * _MOMENTS)
@pytest.mark.parametrize("name", _VERSIONS)
def test_any_moment_under_load(name: str, server_pool: ServerPool) -> None:
    server_pool.get(name)
    chance = random.Random(f"{name} {_MOMENTS}")
    each = max(2, -(-_MOMENTS // 4))
    with open_folder() as place, contextlib.ExitStack() as stack, marked_server(name, place) as marked:
        marked.server.execute(
            "CREATE TABLE account (n int PRIMARY KEY, amount int)",
            f"INSERT INTO account SELECT n, {_AMOUNT} FROM generate_series(0, {_ROWS - 1}) n",
            "CREATE TABLE journal (one int, other int)",
        )
        marked.mark()
        with load(marked.server):
            marked.backup()
        seen = marks(marked, each)
        for _promotion in range(2):
            standby = stack.enter_context(servers.start_standby(marked.server, extra_config=ARCHIVING))
            folders.own_subfolder(standby.folder, "wal")
            seen += marks(marked, each)
            seen += taken_over(marked, standby)
            with load(marked.server):
                marked.backup()
        seen += marks(marked, each)
        marked.archive_wal()
        done: Counter[str] = Counter()
        for number, one in enumerate(chance.sample(seen, min(_MOMENTS, len(seen)))):
            kind = _KINDS[(number + chance.randrange(2) * 3) % len(_KINDS)]
            data, socket = place / f"data{number}", place / f"s{number}"
            result = restored(marked, "", data, one.target(kind))
            assert result.restore["recovered"]["state"] == "promoted"
            check(name, data, socket, one.moment.rows)
            shutil.rmtree(data)
            shutil.rmtree(socket)
            done[kind] += 1
            done[f"on timeline {one.timeline}"] += 1
            done[f"timeline {result.restore['timeline']}"] += 1
        print(f"{name}: {len(seen)} moments, restored {dict(sorted(done.items()))}")  # noqa: T201
