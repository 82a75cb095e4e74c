# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""pytest fixtures: shared servers that start when first asked for, and fresh databases on them.

A test that takes ``pg_server`` or ``mysql_server`` runs once for each version, one that takes ``pg_latest``,
``mysql_latest`` or ``mariadb_latest`` once. ``pg_database`` and ``mysql_database`` are empty databases on the server
that the test takes, or on every version if it takes none. ``DBFLEET_TEST_SERVERS=pg16,mariadb1011`` restricts the
versions; a test that names another one is skipped. ``DBFLEET_REQUIRE_SERVERS=all`` (or names) makes a server that
cannot be had a failure.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from .errors import ServerUnavailable
from .instance import Server, start
from .registry import CLIENTS, SERVERS

POSTGRESQL = [name for name, spec in SERVERS.items() if spec.dbms == "postgresql" and not spec.variant]
MYSQL_FAMILY = [name for name, spec in SERVERS.items() if spec.dbms == "mysql" and not spec.variant]
#: One of each series whose build knows the collations of ICU.
POSTGRESQL_ICU = [f"{name}icu" if f"{name}icu" in SERVERS else name for name in POSTGRESQL]
POSTGRESQL_LATEST = "pg18"
MYSQL_LATEST = "mysql97"
MARIADB_LATEST = "mariadb118"


def _names(variable: str) -> set[str] | None:
    """The server names in an environment variable; None when it is not set, every name for "all"."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    names = set(text.replace(",", " ").split())
    unknown = names - {*SERVERS, *CLIENTS, "all"}
    if unknown:
        raise pytest.UsageError(f"{variable} names unknown servers: {' '.join(sorted(unknown))}")
    return {*SERVERS, *CLIENTS} if "all" in names else names


def skip_unavailable(name: str, error: ServerUnavailable) -> NoReturn:
    """Skip the test that needs ``name`` with the reason, or fail it where the environment says it is required."""
    message = f"{name} cannot be had: {error.reason}"
    if name in (_names("DBFLEET_REQUIRE_SERVERS") or ()):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


class ServerPool:
    """Servers shared by the whole test run, each started when first asked for."""

    def __init__(self) -> None:
        self._running: dict[str, Server] = {}
        self._unavailable: dict[str, ServerUnavailable] = {}

    def get(self, name: str) -> Server:
        """The shared server ``name``; skips the test when it cannot be had or is not wanted in this run."""
        server = self._running.get(name)
        if server is not None and not server.running:
            # A test ended it; what follows must not suffer.
            self._running.pop(name).stop()
            server = None
        if server is None:
            server = self._running[name] = self.fresh(name)
        return server

    def fresh(self, name: str, **arguments: Any) -> Server:
        """A server of the test's own, to be stopped by it; arguments as for :func:`tests.servers.start`."""
        wanted = _names("DBFLEET_TEST_SERVERS")
        if wanted is not None and name not in wanted:
            pytest.skip(f"DBFLEET_TEST_SERVERS does not name {name}")
        if name not in self._unavailable:
            try:
                return start(name, **arguments)
            except ServerUnavailable as error:
                # Asked once a run: a download that fails can take its time.
                self._unavailable[name] = error
        skip_unavailable(name, self._unavailable[name])

    def stop(self) -> None:
        """Stop all of them."""
        while self._running:
            self._running.popitem()[1].stop()


def _wanted(names: list[str]) -> list[str]:
    """Those of ``names`` that this run is to be made on."""
    chosen = _names("DBFLEET_TEST_SERVERS")
    return [name for name in names if chosen is None or name in chosen]


@dataclass(frozen=True)
class Database:
    """An empty database made for one test."""

    server: Server
    name: str

    def connect(self, **arguments: Any) -> Any:
        """A connection to it, see :meth:`Server.connect`."""
        return self.server.connect(self.name, **arguments)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in it and return the rows of the last one."""
        return self.server.execute(*statements, database=self.name)


@pytest.fixture(scope="session")
def server_pool() -> Iterator[ServerPool]:
    """The shared servers of this run."""
    pool = ServerPool()
    try:
        yield pool
    finally:
        pool.stop()


@pytest.fixture(params=_wanted(POSTGRESQL))
def pg_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """A shared PostgreSQL server, of each version in turn."""
    return server_pool.get(request.param)


@pytest.fixture(params=_wanted(POSTGRESQL_ICU))
def pg_icu_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """A shared PostgreSQL server that knows ICU, of each version in turn."""
    return server_pool.get(request.param)


@pytest.fixture(params=_wanted(MYSQL_FAMILY))
def mysql_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """A shared MySQL or MariaDB server, of each version in turn."""
    return server_pool.get(request.param)


@pytest.fixture
def pg_latest(server_pool: ServerPool) -> Server:
    """A shared server of the newest PostgreSQL."""
    return server_pool.get(POSTGRESQL_LATEST)


@pytest.fixture
def mysql_latest(server_pool: ServerPool) -> Server:
    """A shared server of the newest MySQL."""
    return server_pool.get(MYSQL_LATEST)


@pytest.fixture
def mariadb_latest(server_pool: ServerPool) -> Server:
    """A shared server of the newest MariaDB."""
    return server_pool.get(MARIADB_LATEST)


@pytest.fixture
def pg_database(pg_server: Server) -> Iterator[Database]:
    """An empty database on each PostgreSQL version in turn."""
    yield from _database(pg_server)


@pytest.fixture
def pg_icu_database(pg_icu_server: Server) -> Iterator[Database]:
    """An empty database on each PostgreSQL version in turn, with ICU."""
    yield from _database(pg_icu_server)


@pytest.fixture
def mysql_database(mysql_server: Server) -> Iterator[Database]:
    """An empty utf8mb4 database on each MySQL and MariaDB version in turn."""
    yield from _database(mysql_server)


@pytest.fixture
def pg_latest_database(pg_latest: Server) -> Iterator[Database]:
    """An empty database on the newest PostgreSQL."""
    yield from _database(pg_latest)


@pytest.fixture
def mysql_latest_database(mysql_latest: Server) -> Iterator[Database]:
    """An empty database on the newest MySQL."""
    yield from _database(mysql_latest)


@pytest.fixture
def mariadb_latest_database(mariadb_latest: Server) -> Iterator[Database]:
    """An empty database on the newest MariaDB."""
    yield from _database(mariadb_latest)


def _database(server: Server) -> Iterator[Database]:
    name = f"test_{secrets.token_hex(6)}"
    postgresql = server.dbms == "postgresql"
    server.execute(f"CREATE DATABASE {name}" + ("" if postgresql else " CHARACTER SET utf8mb4"))
    try:
        yield Database(server, name)
    finally:
        if server.running:
            if postgresql:
                # DROP DATABASE with FORCE is newer than the oldest release.
                server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            server.execute(f"DROP DATABASE IF EXISTS {name}")
