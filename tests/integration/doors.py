# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the command and of the modules share: a database of each world and how to reach it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from tests.servers.fixtures import Database

ROWS = 1234


@dataclasses.dataclass(frozen=True)
class World:
    """A database to back up, over TCP and with a password that can be told from everything else.

    :param dbms: as the command and the modules name it.
    :param database: holds the table ``orders`` with :data:`ROWS` rows and an empty one with an odd name.
    :param user: an administrator made for the test.
    """

    dbms: str
    database: Database
    user: str
    password: str

    @property
    def name(self) -> str:
        return self.database.name

    @property
    def password_variable(self) -> str:
        return "PGPASSWORD" if self.dbms == "postgresql" else "MYSQL_PWD"

    def connection(self) -> list[str]:
        """The command's connection options."""
        server = self.database.server
        return ["--host", server.host, "--port", str(server.port), "--user", self.user]

    def module_connection(self) -> dict[str, object]:
        """The modules' connection options, with the password."""
        server = self.database.server
        return {
            "dbms": self.dbms,
            "login_host": server.host,
            "login_port": server.port,
            "login_user": self.user,
            "login_password": self.password,
        }

    def databases(self) -> set[str]:
        statement = "SELECT datname FROM pg_database" if self.dbms == "postgresql" else "SHOW DATABASES"
        return {row[0] for row in self.database.server.execute(statement)}

    def content(self, database: str) -> list[tuple[object, ...]]:
        """The rows of ``orders`` in a database of the same server."""
        return self.database.server.execute("SELECT id, note FROM orders ORDER BY id", database=database)

    def drop(self, database: str) -> None:
        self.database.server.execute(f"DROP DATABASE IF EXISTS {database}")


@contextlib.contextmanager
def filled_world(dbms: str, database: Database) -> Iterator[World]:
    """A world whose database has its tables; its user is gone afterwards."""
    world = World(dbms, database, user=f"admin_{secrets.token_hex(4)}", password=f"Sécret {secrets.token_hex(8)}")
    quote = '"' if dbms == "postgresql" else "`"
    rows = ",".join(f"({number}, 'Größe {number % 7} ''x'' \\\\ 顧客')" for number in range(ROWS))
    database.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, note varchar(100) NOT NULL)",
        f"INSERT INTO orders VALUES {rows}",
        f"CREATE TABLE {quote}odd name; --{quote} (id integer PRIMARY KEY)",
    )
    if dbms == "postgresql":
        database.server.execute(f"CREATE ROLE {world.user} SUPERUSER LOGIN PASSWORD '{world.password}'")
    else:
        database.server.execute(
            f"CREATE USER {world.user} IDENTIFIED BY '{world.password}'",
            f"GRANT ALL ON *.* TO {world.user} WITH GRANT OPTION",
        )
    try:
        yield world
    finally:
        if dbms == "postgresql":
            database.server.execute(
                f"REASSIGN OWNED BY {world.user} TO {database.server.user}", f"DROP ROLE {world.user}"
            )
        else:
            database.server.execute(f"DROP USER {world.user}")


def fill_large(world: World, *, megabytes: int) -> None:
    """A table ``large`` that takes a while to back up."""
    if world.dbms == "postgresql":
        # 10,000 rows are one megabyte.
        statement = (
            "CREATE TABLE large AS "
            "SELECT number, md5(number::text) || md5(random()::text) || md5(random()::text) AS noise "
            f"FROM generate_series(1, {megabytes * 10_000}) AS number"
        )
    else:
        statement = (
            "CREATE TABLE large (number integer PRIMARY KEY, noise varchar(100)) AS "
            "SELECT seq AS number, concat(md5(seq), md5(rand()), md5(rand())) AS noise "
            f"FROM seq_1_to_{megabytes * 10_000}"
        )
    world.database.execute(statement)


def files_below(folder: Path) -> dict[str, str]:
    """Every file and folder below ``folder``: its relative path and its mode."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode)) for path in sorted(folder.rglob("*"))
    }


def partials(folder: Path) -> list[Path]:
    """What running or dead jobs have left unpublished."""
    return list(folder.rglob(".partial-*"))


def wait_for_partial(folder: Path, *, seconds: float = 60) -> Path:
    """The folder that a running backup writes into, once there is something inside."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for path in partials(folder):
            if any(entry.is_file() and entry.stat().st_size for entry in path.rglob("*")):
                return path
        time.sleep(0.005)
    raise TimeoutError(f"nothing was written below {folder}")


def arguments_of_every_process() -> Iterator[str]:
    """The argument list of every process that can be seen, as ps shows it."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                # It ended in between.
                continue
