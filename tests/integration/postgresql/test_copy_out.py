# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""COPY read from the socket and through libpq: the same rows, the same errors, and the connection goes on working."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dbfleet.errors import ConnectError, QueryError
from dbfleet.postgresql.connection import connect
from dbfleet.postgresql.copy_out import LibpqCopies, copy_out, copy_out_libpq
from dbfleet.postgresql.copy_wire import WireCopies, copy_out_wire
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.session import Session
from dbfleet.postgresql.wire_messages import is_plain
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import Database

Way = Callable[..., "tuple[int, int]"]
WAYS = pytest.mark.parametrize("way", [copy_out_wire, copy_out_libpq], ids=["wire", "libpq"])


Several = Callable[..., "WireCopies | LibpqCopies"]
SEVERAL = pytest.mark.parametrize("several", [WireCopies, LibpqCopies])


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None: ...

    def abort(self) -> None: ...


@contextlib.contextmanager
def session_of(server: Server, database: str = "postgres", **options: object) -> Iterator[Session]:
    chosen = {"unix_socket": server.socket, "port": server.port, "user": server.user, "password": server.password}
    session = connect(ConnectionOptions(**{**chosen, **options}), database=database)  # type: ignore[arg-type]
    try:
        yield session
    finally:
        session.close()


QUERIES = {
    "nothing": "SELECT 1 WHERE false",
    "no columns": "SELECT FROM generate_series(1, 3000)",
    "empty strings": "SELECT '' FROM generate_series(1, 3000)",
    "narrow": "SELECT n, n % 7, 'x' FROM generate_series(1, 200000) AS n",
    "every length": "SELECT repeat('d', n) FROM generate_series(1, 3000) AS n",
    "escapes": r"SELECT E'a\n\t\\ \r' || n, NULL FROM generate_series(1, 5000) AS n",
    "wide": "SELECT n, repeat(md5(n::text), 300) FROM generate_series(1, 3000) AS n",
    "larger than a block": "SELECT repeat(chr(97 + n), 700000 * n) FROM generate_series(1, 6) AS n",
    "mixed": "SELECT repeat('m', (n::bigint * n * 7919 % 90000)::int) FROM generate_series(1, 1500) AS n",
}


@pytest.mark.parametrize("name", QUERIES)
def test_both_ways_give_the_same(pg_server: Server, name: str) -> None:
    statement = f"COPY ({QUERIES[name]}) TO stdout"
    with session_of(pg_server) as session:
        assert is_plain(session)
        kept = {}
        for way in (copy_out_wire, copy_out_libpq):
            sink = Kept()
            rows, size = way(session, statement, sink, Progress())
            assert size == len(sink.data)
            kept[way] = (rows, bytes(sink.data))
        assert kept[copy_out_wire] == kept[copy_out_libpq]
        (count,) = session.rows(f"SELECT count(*) FROM ({QUERIES[name]}) AS q")
        assert int(count[0]) == kept[copy_out_wire][0]


@SEVERAL
def test_several_in_one_query_give_the_same(pg_server: Server, several: Several) -> None:
    statements = [f"COPY ({query}) TO stdout" for query in QUERIES.values()]
    with session_of(pg_server) as session:
        alone = []
        for statement in statements:
            sink = Kept()
            alone.append((copy_out(session, statement, sink, Progress()), bytes(sink.data)))
        together = []
        with contextlib.closing(several(session, statements)) as copies:
            for _statement in statements:
                sink = Kept()
                together.append((copies.read(sink, Progress()), bytes(sink.data)))
        assert together == alone
        assert session.value("SELECT 42") == "42"


@SEVERAL
def test_an_error_in_one_of_several(pg_server: Server, several: Several) -> None:
    fine, failing = "COPY (SELECT 1) TO stdout", "COPY (SELECT 1 / n FROM generate_series(-2, 2) AS n) TO stdout"
    with session_of(pg_server) as session:
        with contextlib.closing(several(session, [fine, failing, fine])) as copies:
            assert copies.read(Kept(), Progress()) == (1, 2)
            with pytest.raises(QueryError, match="division by zero") as caught:
                copies.read(Kept(), Progress())
        assert caught.value.context["statement"] == failing
        assert session.value("SELECT 42") == "42"


@WAYS
def test_an_error_in_the_middle(pg_latest: Server, way: Way) -> None:
    statement = "COPY (SELECT 1 / (n - 100000) FROM generate_series(1, 200000) AS n) TO stdout"
    with session_of(pg_latest) as session:
        with pytest.raises(QueryError, match="division by zero") as caught:
            way(session, statement, Kept(), Progress())
        assert caught.value.context["sqlstate"] == "22012"
        assert session.value("SELECT 42") == "42"


@WAYS
def test_an_error_at_once(pg_latest: Server, way: Way) -> None:
    with session_of(pg_latest) as session:
        with pytest.raises(QueryError, match="does not exist"):
            way(session, "COPY (SELECT * FROM missing) TO stdout", Kept(), Progress())
        assert session.value("SELECT 42") == "42"


@WAYS
def test_notices_and_changed_settings_in_between(pg_latest_database: Database, way: Way) -> None:
    pg_latest_database.execute(
        "CREATE FUNCTION noisy(n int) RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE NOTICE E'one\ntwo %', n; PERFORM set_config('application_name', 'n' || n, false);"
        " RETURN 'row ' || n; END $$"
    )
    statement = "COPY (SELECT noisy(n) FROM generate_series(1, 2000) AS n) TO stdout"
    with session_of(pg_latest_database.server, pg_latest_database.name) as session:
        session.execute("SET client_min_messages = notice")
        sink = Kept()
        assert way(session, statement, sink, Progress())[0] == 2000
        assert bytes(sink.data) == b"".join(b"row %d\n" % number for number in range(1, 2001))
        assert session.value("SELECT 42") == "42"


@WAYS
def test_a_killed_backend(pg_latest: Server, way: Way) -> None:
    with session_of(pg_latest) as session:
        pid = session.value("SELECT pg_backend_pid()")

        def kill() -> None:
            time.sleep(0.2)
            pg_latest.execute(f"SELECT pg_terminate_backend({pid})")

        killer = threading.Thread(target=kill)
        killer.start()
        statement = "COPY (SELECT n, repeat('x', 200) FROM generate_series(1, 100000000) AS n) TO stdout"
        with pytest.raises(ConnectError):
            way(session, statement, Kept(), Progress())
        killer.join()


def test_an_encrypted_connection_goes_through_libpq(server_pool: object) -> None:
    with server_pool.fresh("pg16", tls=True) as server:  # type: ignore[attr-defined]
        with session_of(server, unix_socket="", host="127.0.0.1", ssl_mode="require") as session:
            assert not is_plain(session)
            sink = Kept()
            assert copy_out(session, "COPY (SELECT generate_series(1, 1000)) TO stdout", sink, Progress())[0] == 1000
        with session_of(server, unix_socket="", host="127.0.0.1", ssl_mode="disable") as session:
            assert is_plain(session)
