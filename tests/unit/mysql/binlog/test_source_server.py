# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The replication source of the fast applier, asked by a client instead of a replica."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.binlog import codes
from dbfleet.mysql.binlog.listing import TransactionFilter
from dbfleet.mysql.binlog.replay_plan import plan_replay
from dbfleet.mysql.binlog.source_address import HERE, SourceAddress, source_address
from dbfleet.mysql.binlog.source_protocol import COM_BINLOG_DUMP, NATIVE, SHA2
from dbfleet.mysql.binlog.source_server import SourceServer
from tests.servers import TLSFiles, make_certificates

from .samples import HEADER, Binlog


def _source(plugin: str, folder: Path, address: SourceAddress) -> Iterator[SourceServer]:
    binlog = Binlog()
    for number in (1, 2):
        binlog.gtid(number)
        binlog.query(b"CREATE TABLE t (a INT)")
    (folder / "binlog.000007").write_bytes(binlog.data)
    plan = plan_replay([str(folder / "binlog.000007")], TransactionFilter())
    server = SourceServer(
        plan,
        address=address,
        user="dbfleet_1_0",
        plugin=plugin,
        version="9.7.4",
        anonymous=False,
        server_id=4242,
        variables={"gtid_mode": "ON"},
    )
    server.start()
    yield server
    server.close()


@pytest.fixture(params=[NATIVE, SHA2])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SourceServer]:
    yield from _source(request.param, tmp_path, HERE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=[NATIVE, SHA2])
def encrypted(request: pytest.FixtureRequest, tmp_path: Path, files: TLSFiles) -> Iterator[SourceServer]:
    yield from _source(request.param, tmp_path, address_with(files))


def address_with(files: TLSFiles, address: str = "127.0.0.1") -> SourceAddress:
    return source_address(
        address, certificate=str(files.server_cert), key=str(files.server_key), authority=str(files.ca_cert)
    )


def connect(source: SourceServer, password: str, user: str = "dbfleet_1_0") -> Any:
    return pymysql.connect(host="127.0.0.1", port=source.port, user=user, password=password, ssl_disabled=True)


def test_only_who_knows_the_password_gets_in(source: SourceServer) -> None:
    for user, password in (("dbfleet_1_0", ""), ("dbfleet_1_0", "guessed"), ("root", source.password)):
        with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
            connect(source, password, user)
    assert not source.connected.is_set()
    assert len(source.password) == 32
    assert source.password not in repr(source)


def test_one_client_is_served_what_a_replica_asks_for(source: SourceServer) -> None:
    client = connect(source, source.password)
    cursor = client.cursor()
    cursor.execute("SELECT @@GLOBAL.server_id")
    assert cursor.fetchall() == (("4242",),)
    cursor.execute("SHOW VARIABLES LIKE 'SERVER_ID'")
    assert cursor.fetchall() == (("SERVER_ID", "4242"),)
    cursor.execute("SET @source_heartbeat_period = 1")
    for refused in ("SELECT @@GLOBAL.secret", "DROP TABLE t", "SELECT 1"):
        with pytest.raises(pymysql.err.MySQLError):
            cursor.execute(refused)
    # Nobody else, even with the password.
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", source.port), timeout=5).close()
    client._execute_command(COM_BINLOG_DUMP, struct.pack("<IHI", 4, 0, 7) + b"binlog.000007")
    kinds = []
    for _event in range(7):
        packet = client._read_packet().get_all_data()
        header = HEADER.unpack_from(packet, 1)
        kinds.append(header[1])
        assert header[3] == len(packet) - 1
    made = [codes.ROTATE, codes.FORMAT_DESCRIPTION]
    assert kinds == [*made, codes.GTID, codes.QUERY, codes.GTID, codes.QUERY, codes.ROTATE]
    deadline = time.monotonic() + 10
    while source.end is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert source.end is not None
    assert source.end[0] == "binlog.000007"
    client._force_close()


@pytest.mark.parametrize("sent", [b"", b"\1\0\0\1x", b"\xff\xff\xff\1", b"GET / HTTP/1.1\r\n\r\n" * 9])
def test_what_is_no_client_does_not_end_it(source: SourceServer, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", source.port), timeout=5) as stranger:
        stranger.recv(100)
        stranger.sendall(sent)
    assert connect(source, source.password).open


def test_nothing_is_said_without_tls_where_there_is_a_certificate(encrypted: SourceServer, files: TLSFiles) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="TLS is required"):
        connect(encrypted, encrypted.password)
    how: dict[str, Any] = {"host": "127.0.0.1", "port": encrypted.port, "user": "dbfleet_1_0"}
    with pytest.raises(pymysql.err.OperationalError, match="Access denied"):
        pymysql.connect(password="guessed", ssl_ca=str(files.ca_cert), **how)
    assert not encrypted.connected.is_set()
    client = pymysql.connect(
        password=encrypted.password, ssl_ca=str(files.ca_cert), ssl_verify_cert=True, ssl_verify_identity=True, **how
    )
    with client.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.server_id")
        assert cursor.fetchall() == (("4242",),)
    client._force_close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("backup1", "backup1", 0),
        ("backup1:3307", "backup1", 3307),
        ("10.0.0.1:1", "10.0.0.1", 1),
        ("2001:db8::1", "2001:db8::1", 0),
        ("[2001:db8::1]", "2001:db8::1", 0),
        ("[2001:db8::1]:3307", "2001:db8::1", 3307),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    found = source_address(text, certificate="c", key="k", authority="a")
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize("text", ["backup1:", "backup1:0", "backup1:x", ":3307", "[]:3307", "backup1:65536"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        source_address(text, certificate="c", key="k", authority="a")


@pytest.mark.parametrize("missing", ["address", "certificate", "key", "authority"])
def test_all_of_it_is_needed(missing: str) -> None:
    given = {"address": "backup1", "certificate": "c", "key": "k", "authority": "a", missing: ""}
    with pytest.raises(UsageError, match="needs the"):
        source_address(given.pop("address"), **given)


def test_what_cannot_be_used_is_said(tmp_path: Path, files: TLSFiles) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    address = source_address(
        "127.0.0.1", certificate=str(tmp_path / "no.pem"), key=str(files.server_key), authority="a"
    )
    with pytest.raises(UsageError, match="cannot be used as certificate"):
        address.context()
    with pytest.raises(UsageError, match="cannot listen at 203.0.113.1"):
        next(_source(NATIVE, tmp_path, address_with(files, "203.0.113.1")))
