# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the guide for the worst night, as they stand there, on real servers.

A test takes a section's blocks in their order and runs them in one shell; only the values of variables are its own.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.integration.postgresql.wal_restore_support import account, open_folder, programs
from tests.servers import Server
from tests.servers.errors import ServerUnavailable
from tests.servers.fixtures import MARIADB_LATEST, MYSQL_LATEST, POSTGRESQL_LATEST, ServerPool, skip_unavailable

# A dozen commands and several servers in each test, on a machine that may be busy with others.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "the-night-you-need-it.md"
FIRST = "The first five minutes"
BLOCK = re.compile(r"^( *)```bash\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
ROWS = 200


def blocks(section: str) -> list[str]:
    """The commands of one section of the guide, block by block."""
    parts = re.split(r"^## (.+)\n", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    texts = dict(zip(parts[1::2], parts[2::2]))
    return [re.sub(f"^{found[1]}", "", found[2], flags=re.MULTILINE) for found in BLOCK.finditer(texts[section])]


class Shell:
    """Runs blocks of the guide with values of one's own for its variables."""

    def __init__(self, folder: Path, **values: str) -> None:
        self.folder = folder
        self.values = {
            "REPOSITORY": str(folder / "repository"),
            "CLUSTER": "db1",
            "DATABASE": "shop",
            "TABLE": "orders",
        }
        self.values.update(values)
        self.tools = folder / "tools"
        self.tools.mkdir()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MYSQL", "DBFLEET"))}
        path = (str(self.tools), str(Path(sys.executable).parent), clean.get("PATH", os.defpath))
        # A result is what the guide says, whatever the terminal and the language of this machine.
        self.environment = {**clean, "PATH": os.pathsep.join(path), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.environment["XDG_RUNTIME_DIR"] = str(folder)
        self.environment["PGCTLTIMEOUT"] = "600"
        Path(self.values["REPOSITORY"]).mkdir()
        self.prepared = "\n".join(blocks(FIRST)[:1])

    def tool(self, name: str, script: str) -> None:
        """A program of that name for the blocks to find."""
        file = self.tools / name
        file.write_text(f"#!/bin/bash\n{script}\n")
        file.chmod(0o755)

    def link(self, name: str, target: Path) -> None:
        (self.tools / name).symlink_to(target)

    def run(self, *commands: str) -> str:
        """What the commands print; the test fails where one of them does."""
        text = "\n".join(("set -euo pipefail", self.prepared, *commands))
        missing = set(re.findall(r"^export ([A-Z]+)=", text, re.MULTILINE)) - self.values.keys()
        assert not missing, f"the test has no value for {missing}"
        text = re.sub(
            r"^export ([A-Z]+)=('[^']*'|\S*)", lambda found: self._assigned(found[1]), text, flags=re.MULTILINE
        )
        others = "".join(f"{self._assigned(name)}\n" for name in self.values)
        done = subprocess.run(
            ["bash", "-c", others + text],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        return done.stdout

    def _assigned(self, name: str) -> str:
        return f"export {name}={shlex.quote(self.values[name])}"


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def started(name: str) -> Server:
    try:
        return servers.start(name)
    except ServerUnavailable as error:
        skip_unavailable(name, error)


def postgresql_shell(server: Server, folder: Path, **values: str) -> Shell:
    rescue = folder / "rescue"
    shell = Shell(
        folder,
        PGHOST=server.socket,
        PGPORT=str(server.port),
        PGUSER=server.user,
        RESCUE=str(rescue),
        OWNER=account(),
        PROGRAMS=programs(server.name),
        CONFIG=str(server.data_dir),
        **values,
    )
    # Passes over the options of psql that are the tester's, not the guide's.
    shell.tool("psql", f'exec {programs(server.name)}/psql --no-psqlrc --quiet --tuples-only --no-align "$@"')
    if os.geteuid():
        shell.tool("runuser", 'shift 3; exec "$@"')
    return shell


def fill_postgresql(server: Server) -> None:
    server.execute("CREATE DATABASE shop")
    server.execute(
        "CREATE TABLE customers (id int PRIMARY KEY)",
        "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, state text)",
        "CREATE INDEX ON orders (state)",
        "INSERT INTO customers VALUES (1), (2)",
        f"INSERT INTO orders SELECT number, 1, 'new' FROM generate_series(1, {ROWS}) number",
        database="shop",
    )


def good_moment(server: Server) -> str:
    """A moment between what was and what comes, by the server's clock."""
    time.sleep(0.05)
    moment = str(server.execute("SELECT clock_timestamp()::text")[0][0])
    time.sleep(0.05)
    return moment


def orders(server: Server, database: str = "shop") -> list[tuple[object, ...]]:
    return server.execute("SELECT state, count(*) FROM orders GROUP BY state ORDER BY state", database=database)


def test_a_table_of_postgresql(server_pool: ServerPool, place: Path) -> None:
    server_pool.get(POSTGRESQL_LATEST)
    with started(POSTGRESQL_LATEST) as server:
        fill_postgresql(server)
        shell = postgresql_shell(server, place)
        archive, look, restore, start, compare, save, missing, wrong, stop = blocks("PostgreSQL: a table")[1:]
        shell.run(
            'dbfleet wal basebackup --repository "$REPOSITORY" --cluster "$CLUSTER" --checkpoint fast',
            'dbfleet backup postgresql --repository "$REPOSITORY" --cluster "$CLUSTER" --database "$DATABASE"',
        )
        (physical,) = (path.name for path in place.glob("repository/db1/%physical/*-physical"))
        server.execute(f"INSERT INTO orders VALUES ({ROWS + 1}, 2, 'paid')", database="shop")
        before = orders(server)
        shell.values["MOMENT"] = good_moment(server)
        # Two accidents; the first one is mended with the rows, the second one with the table.
        server.execute("UPDATE orders SET state = 'void' WHERE id > 10", database="shop")
        shell.values["BACKUP"] = physical
        assert physical in shell.run(*blocks(FIRST)[1:])
        shell.run(archive)
        assert "would restore" in shell.run(look)
        assert not Path(shell.values["RESCUE"]).exists()
        shell.run(restore)
        try:
            shell.run(start)
            assert f"{ROWS - 9} changed" in shell.run(compare)
            shell.run(save, wrong)
            assert orders(server) == before
            server.execute("DROP TABLE orders", database="shop")
            shell.run(missing)
            assert orders(server) == before
            shell.run(*blocks("PostgreSQL: a database"))
            assert orders(server, "shop_rescue") == before
            server.execute("DELETE FROM orders", database="shop")
            (switch,) = blocks("Switch, and switch back")
            shell.run(switch)
            assert orders(server) == before
            assert orders(server, "shop_damaged") == []
        finally:
            shell.run(stop)
        assert "is not on hold" in shell.run(*blocks("Afterwards"))
        shell.run(*blocks("The backup is damaged"))


def test_a_server_of_postgresql(server_pool: ServerPool, place: Path) -> None:
    server_pool.get(POSTGRESQL_LATEST)
    with started(POSTGRESQL_LATEST) as server:
        fill_postgresql(server)
        shell = postgresql_shell(server, place, SERVICE="postgresql", DATA=str(server.data_dir))
        shell.run(
            'dbfleet wal basebackup --repository "$REPOSITORY" --cluster "$CLUSTER" --checkpoint fast',
            'dbfleet backup postgresql --repository "$REPOSITORY" --cluster "$CLUSTER" --all-databases',
        )
        shell.run(*blocks("PostgreSQL: without the log")[:1])
        assert orders(server, "shop_rescue") == [("new", ROWS)]
        with started(POSTGRESQL_LATEST) as other:
            beside = place / "other"
            beside.mkdir()
            elsewhere = postgresql_shell(other, beside)
            elsewhere.values["REPOSITORY"] = shell.values["REPOSITORY"]
            elsewhere.run(*blocks("PostgreSQL: without the log")[1:])
            assert orders(other) == [("new", ROWS)]
        server.execute(f"INSERT INTO orders VALUES ({ROWS + 1}, 2, 'paid')", database="shop")
        before = orders(server)
        shell.run(blocks("PostgreSQL: a table")[1])
        control = f'runuser -u "$OWNER" -- "$PROGRAMS/pg_ctl" "$1" -w -D "$DATA" -l {place}/log'
        shell.tool("systemctl", f'test "$2" = "$SERVICE" && {control}')
        (place / "log").touch()
        (place / "log").chmod(0o666)
        _values, restore, wait, backup = blocks("PostgreSQL: the server")
        shell.run(restore)
        try:
            shell.run(wait)
            assert orders(server) == before
            assert Path(f"{shell.values['DATA']}.damaged").is_dir()
            assert "physical" in shell.run(backup, *blocks(FIRST)[1:2])
        finally:
            shell.run('systemctl stop "$SERVICE"')


def mysql_shell(server: Server, folder: Path) -> Shell:
    login = folder / "my.cnf"
    login.write_text(f"[client]\nuser={server.user}\npassword={server.password}\nsocket={server.socket}\n")
    login.chmod(0o600)
    log = server.execute("SELECT @@log_bin_basename")[0][0]
    return Shell(folder, LOGIN=str(login), BINLOGS=f"{log}.*[0-9]")


@pytest.mark.parametrize("name", [MYSQL_LATEST, MARIADB_LATEST])
def test_mysql_and_mariadb(server_pool: ServerPool, name: str, place: Path) -> None:
    server_pool.get(name)
    with started(name) as server:
        server.execute("CREATE DATABASE shop")
        server.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, state varchar(9))",
            f"INSERT INTO orders VALUES {', '.join(f'({number}, 0)' for number in range(ROWS))}",
            "UPDATE orders SET state = 'new'",
            database="shop",
        )
        shell = mysql_shell(server, place)
        full = 'dbfleet backup mysql --defaults-file "$LOGIN" --repository "$REPOSITORY" --cluster "$CLUSTER"'
        shell.run(f"{full} --all-databases")
        server.execute("INSERT INTO orders VALUES (999, 'paid')", database="shop")
        before = orders(server)

        server.execute("UPDATE orders SET state = 'void' WHERE id < 50", database="shop")
        _find, _gtid, undo = blocks("MySQL, MariaDB: undo changes of rows")
        shell.values["GTID"] = last_gtid(shell.run(_find), "~50")
        shell.run(undo)
        assert orders(server) == before
        assert "shop" in shell.run(*blocks(FIRST)[1:3])

        server.execute("DROP TABLE orders", database="shop")
        server.execute("CREATE TABLE later (id int PRIMARY KEY)", database="shop")
        archive, find, _gtid, restore, compare, table = blocks("MySQL, MariaDB: to the moment before")
        shell.values["TABLE"] = "orders"
        shell.run(archive)
        shell.values["GTID"] = last_gtid(shell.run(find), "DROP TABLE shop.orders")
        shell.run(restore)
        assert orders(server, "shop_rescue") == before
        assert "only in the second: TABLE orders" in shell.run(compare)
        shell.run(table.replace("/var/tmp/", f"{place}/"))
        assert orders(server) == before
        if name == MYSQL_LATEST:
            # What follows does not differ; starting one more of these takes long.
            return
        shell.run(archive)

        with started(name) as other:
            beside = place / "other"
            beside.mkdir()
            elsewhere = mysql_shell(other, beside)
            elsewhere.values["REPOSITORY"] = shell.values["REPOSITORY"]
            elsewhere.run(*blocks("MySQL, MariaDB: the server"))
            assert orders(other) == before
        server.execute("DROP DATABASE shop_rescue")
        shell.run(*blocks("MySQL, MariaDB: without the log"))
        assert orders(server, "shop_rescue") == [("new", ROWS)]


def last_gtid(listing: str, what: str) -> str:
    """The GTID of the last transaction of a listing that did this."""
    lines = [line for line in listing.splitlines() if line.rstrip().endswith(what)]
    assert lines, listing
    # The time of a commit stands in two words, a size too, the GTID behind them.
    return re.split(r"\s{2,}", lines[-1].strip())[-2]
