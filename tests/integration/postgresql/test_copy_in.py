# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows sent past libpq and through it: the same rows, the same errors, and what happens in the middle of them."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from dbfleet.errors import ConnectError, DbfleetError, QueryError
from dbfleet.postgresql.copy_in import CopyIn
from dbfleet.postgresql.load import Loaded, load_table
from dbfleet.postgresql.session import Session
from dbfleet.progress import Progress
from tests.integration.postgresql.test_copy_out import session_of
from tests.servers import Server
from tests.servers.fixtures import Database

COPY = "COPY t FROM stdin"
TOO_MANY = 1 << 28


class Rows:
    """The same block again and again.

    :param when: called before every block with the number of bytes given so far.
    """

    def __init__(self, block: bytes, size: int, when: Callable[[int], None] = lambda size: None) -> None:
        self._block = block
        self._most = size
        self._when = when
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int) -> bytes:
        self._when(self.size)
        data = self._block if self.size < self._most else b""
        self._hash.update(data)
        self.size += len(data)
        return data

    def close(self) -> None: ...

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@pytest.fixture(params=["direct", "libpq"])
def session(request: pytest.FixtureRequest, pg_latest_database: Database) -> Iterator[Session]:
    """A session with a table of texts, whose rows are sent in either way."""
    with session_of(pg_latest_database.server, pg_latest_database.name) as session:
        session.plain = request.param == "direct"
        session.execute("CREATE TABLE t (c text)")
        yield session


def load(session: Session, rows: Rows) -> Loaded:
    return load_table(session, COPY, rows, Progress())


@pytest.mark.parametrize("size", [1, 100, 1 << 20, (1 << 22) + 1])
def test_rows_arrive_as_they_are(session: Session, size: int) -> None:
    block = b"\\\\ \xc3\xa4\t".replace(b"\t", b"\\t") + b"x" * size + b"\n"
    rows = Rows(block, 3 * len(block))
    loaded = load(session, rows)
    assert (loaded.rows, loaded.bytes, loaded.sha256) == (3, 3 * len(block), rows.hexdigest())
    expected = hashlib.md5("\\ ä\t".encode() + b"x" * size, usedforsecurity=False).hexdigest()
    assert session.rows("SELECT DISTINCT pg_catalog.md5(c) FROM t") == [(expected,)]


def test_nothing_is_sent_for_nothing(session: Session) -> None:
    """A bad row at the beginning of a very large table is told at once."""
    session.execute("CREATE TABLE n (n int)")
    rows = Rows(b"x\n" * 10000, TOO_MANY)
    with pytest.raises(QueryError, match="invalid input syntax .*integer") as caught:
        load_table(session, "COPY n FROM stdin", rows, Progress())
    assert caught.value.context["line"] == 1
    if session.plain:
        assert rows.size < TOO_MANY // 4
    # The connection goes on as if nothing had been.
    assert load(session, Rows(b"x\n", 100)).rows == 50


def test_rows_that_were_not_all_sent_never_count(session: Session) -> None:
    session.start_copy(COPY)
    rows = CopyIn(session, direct=bool(session.plain))
    rows.send(b"x\n")
    rows.refused = True
    rows.end()
    session.pgconn.nonblocking = 0
    with pytest.raises(QueryError, match="a row was refused"):
        session.next_result(COPY)
    assert session.rows("SELECT pg_catalog.count(*) FROM t") == [("0",)]


def test_notices_do_not_stand_in_the_way(session: Session) -> None:
    """More of them than the connection holds, and a refusal behind them."""
    session.execute(
        "CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE NOTICE ''%'', pg_catalog.repeat(new.c, 1000); RETURN new; END'"
    )
    session.execute("CREATE TRIGGER talk BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE talk()")
    assert load(session, Rows(b"abcdefghij\n" * 100, 11 * 3000)).rows == 3000
    with pytest.raises(QueryError, match="extra data after last expected column"):
        load(session, Rows(b"abcdefghij\n" * 100 + b"a\tb\n", 11 * 3000))
    assert session.rows("SELECT pg_catalog.count(*) FROM t") == [("3000",)]


def test_rows_that_cannot_be_read_are_not_there(session: Session) -> None:
    def fail(size: int) -> None:
        if size > 1 << 20:
            raise QueryError("no more")

    with pytest.raises(QueryError, match="no more"):
        load(session, Rows(b"x\n" * 10000, TOO_MANY, fail))
    assert session.rows("SELECT pg_catalog.count(*) FROM t") == [("0",)]


@pytest.mark.parametrize("direct", [True, False])
def test_an_interrupt_at_any_moment(pg_latest_database: Database, direct: bool) -> None:
    """The connection is whole afterwards, or known to be broken; no row is there, and nothing goes on."""

    class Interrupt(BaseException):
        pass

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise Interrupt

    server, name = pg_latest_database.server, pg_latest_database.name
    pg_latest_database.execute("CREATE TABLE t (c text)")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(12):
            with session_of(server, name) as session:
                session.plain = direct
                with pytest.raises(Interrupt):
                    try:
                        signal.setitimer(signal.ITIMER_REAL, 0.02 + 0.0017 * number)
                        load(session, Rows(b"some text\n" * 30000, TOO_MANY))
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                with contextlib.suppress(ConnectError):
                    assert session.rows("SELECT pg_catalog.count(*) FROM t") == [("0",)]
    finally:
        signal.signal(signal.SIGALRM, before)
    others = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    while pg_latest_database.execute(others) != [(0,)]:
        time.sleep(0.05)
    assert pg_latest_database.execute("SELECT count(*) FROM t") == [(0,)]


def test_a_server_process_that_ends_says_why(pg_latest: Server, session: Session) -> None:
    ((pid,),) = session.rows("SELECT pg_catalog.pg_backend_pid()")
    ended = threading.Event()

    def end(size: int) -> None:
        if size > 1 << 21 and not ended.is_set():
            ended.set()
            pg_latest.execute(f"SELECT pg_terminate_backend({pid})")

    with pytest.raises(DbfleetError, match="terminating connection|closed"):
        load(session, Rows(b"some text\n" * 30000, TOO_MANY, end))
