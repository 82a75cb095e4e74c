# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a walsender's socket is what libpq reads, errors too, and only where the protocol is plain."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.errors import QueryError
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.replication.connection import ReplicationConnection
from dbfleet.postgresql.replication.server_facts import is_plain
from dbfleet.postgresql.replication.wire_answer import WireAnswer
from tests import servers
from tests.integration.postgresql.wal_archive_support import connection_of
from tests.servers.fixtures import ServerPool

_SECONDS = 600
_COMMAND = "BASE_BACKUP LABEL 'both ways' PROGRESS FAST NOWAIT"
_COMMAND_15 = "BASE_BACKUP (LABEL 'both ways', PROGRESS, CHECKPOINT 'fast', WAIT 0, MANIFEST 'yes')"


def _stream(answer: Any, size: int) -> list[bytes]:
    pieces = []
    while True:
        messages = answer.receive_many(_SECONDS, size, doing="sending")
        if messages is None:
            return pieces
        pieces += [bytes(message) for message in messages]


def check_backup(server: servers.Server, *, plain: bool, size: int) -> None:
    """Receive one, and look at the answer's parts."""
    with ReplicationConnection(connection_of(server)) as connection:
        old = connection.version < 150000
        answer = connection.send_for_bulk(_COMMAND if old else _COMMAND_15, plain=plain)
        ((lsn, timeline),) = answer.rows() or ()
        ((oid, location, kilobytes),) = answer.rows() or ()
        assert (timeline, oid, location) == ("1", None, None)
        assert int(kilobytes or 0) > 1000
        assert answer.rows() is None
        pieces = _stream(answer, size)
        assert len(pieces) > 100
        content = b"".join(pieces)
        assert b"PG_VERSION" in content
        assert b"global/pg_control" in content
        if not old:
            assert pieces[0].startswith(b"nbase.tar\0")
            assert b"PostgreSQL-Backup-Manifest-Version" in content
        ((end, _timeline),) = answer.rows() or ()
        answer.finish()
        assert end is not None
        assert lsn is not None
        assert end.count("/") == lsn.count("/") == 1
        # libpq goes on as if nothing had been.
        assert connection.identify().timeline == 1


@pytest.mark.parametrize("plain", [False, True])
def test_both_ways_read_the_same(pg_server: servers.Server, plain: bool) -> None:
    # One message at a time.
    check_backup(pg_server, plain=plain, size=1)


def test_more_is_asked_for_than_there_is_room_for(pg_latest: servers.Server) -> None:
    check_backup(pg_latest, plain=True, size=1 << 22)


@pytest.mark.parametrize("plain", [False, True])
def test_errors_are_the_same(pg_latest: servers.Server, plain: bool) -> None:
    with ReplicationConnection(connection_of(pg_latest)) as connection:
        answer = connection.send_for_bulk("BASE_BACKUP (LABEL 'a', LABEL 'b')", plain=plain)
        with pytest.raises(QueryError, match=r'duplicate option "label" \[SQLSTATE 42601\]') as caught:
            answer.rows()
        assert caught.value.context["statement"] == "BASE_BACKUP (LABEL 'a', LABEL 'b')"


def test_a_message_larger_than_the_room(pg_latest: servers.Server) -> None:
    """None of a backup is; a command that the server quotes is one."""
    with ReplicationConnection(connection_of(pg_latest)) as connection:
        name = "x" * (3 << 20)
        notices: list[object] = []
        answer = WireAnswer(connection.session, f'BASE_BACKUP ("{name}")', notices.append)
        with pytest.raises(QueryError, match="unrecognized base backup option"):
            answer.raw_rows()
        assert connection.identify().timeline == 1


# With the first, libpq itself says that it is plain; with the second, the server has to be asked.
@pytest.mark.parametrize("gss", ["disable", "prefer"])
def test_only_a_plain_connection_is_read_from_the_socket(
    server_pool: ServerPool, monkeypatch: pytest.MonkeyPatch, gss: str
) -> None:
    monkeypatch.setenv("PGGSSENCMODE", gss)
    with server_pool.fresh("pg18", tls=True) as server:
        server.execute("CREATE ROLE copier LOGIN REPLICATION PASSWORD 'secret'")
        found = {}
        for host, mode in ((server.socket, ""), (server.host, "disable"), (server.host, "require")):
            options = ConnectionOptions(
                host="" if host == server.socket else host,
                unix_socket=host if host == server.socket else "",
                port=server.port,
                user="copier",
                password="secret",
                ssl_mode=mode,
            )
            with ReplicationConnection(options) as connection:
                found[host == server.socket, mode] = is_plain(options, connection.session)
        assert found == {(True, ""): True, (False, "disable"): True, (False, "require"): False}
