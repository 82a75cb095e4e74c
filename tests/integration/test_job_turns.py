# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of a cluster that share a backup job: one of them makes it, by the role of its server."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.integration.job_host import Host
from tests.servers.fixtures import ServerPool
from tests.servers.instance import Server

# A loaded machine is given time.
pytestmark = pytest.mark.timeout(1800)

SECONDS = 240.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Two hosts with a server each, and the repository of both."""

    folder: Path
    primary: Server
    replica: Server

    def host(self, role: str, *, suffix: str = "", **fields: Any) -> Host:
        """The host of one of the servers, with its job ``shop``."""
        server = self.primary if role == "primary" else self.replica
        host = Host(self.folder / f"{role}{suffix}")
        host.secret("password", server.password or "none")
        options = {
            "login_host": server.host,
            "login_port": server.port,
            "login_user": server.user,
            "database": "postgres" if server.flavor == "postgresql" else "shop",
            "repository": str(self.folder / "repository"),
            "cluster": "shop",
        }
        options.update(fields.pop("options", {}))
        host.write(
            *("shop",),
            **{"job": "backup", "secrets": {"login_password": "password"}, **fields},
            dbms=server.flavor,
            options={name: value for name, value in options.items() if value is not None},
        )
        return host

    @property
    def backups(self) -> list[Path]:
        return sorted((self.folder / "repository").rglob("manifest.json"))


@pytest.fixture(params=["pg10", "pg18"])
def postgresql(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Cluster]:
    with server_pool.fresh(request.param) as primary, servers.start_standby(primary) as standby:
        wait_for(lambda: bool(standby.execute("SELECT pid FROM pg_stat_wal_receiver")))
        primary.execute("CREATE TABLE orders (id integer)", "INSERT INTO orders VALUES (1)")
        yield Cluster(tmp_path, primary, standby)


def skipped(host: Host, *words: str) -> str:
    """Why the job was skipped, empty where it was run."""
    done = host.job("run", "shop", "--json", *words)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["skipped"])


def is_caught_up(cluster: Cluster) -> bool:
    (at,) = cluster.primary.execute("SELECT pg_current_wal_lsn()")[0]
    return bool(cluster.replica.execute(f"SELECT pg_last_wal_replay_lsn() >= '{at}'")[0][0] in ("t", True))


def test_a_replica_makes_the_backup_and_a_primary_stands_in(postgresql: Cluster) -> None:
    wait_for(lambda: is_caught_up(postgresql))
    # Its timer fires first, and it waits.
    primary = postgresql.host("primary", prefer="replica", stand_in_after="20min")
    waiting = primary.started("run", "shop", "--json")
    try:
        assert waiting.stderr is not None
        assert "the primary waits for a replica's backup" in waiting.stderr.readline()
        replica = postgresql.host("replica", prefer="replica", stand_in_after="20min")
        assert skipped(replica, "--check") == ""
        assert skipped(replica) == ""
        output, _errors = waiting.communicate(timeout=SECONDS)
    finally:
        waiting.kill()
        waiting.communicate()
    (made,) = (path.parent.name for path in postgresql.backups)
    assert made in json.loads(output)["skipped"]
    assert primary.status("shop")["last_run"]["outcome"] == "skipped"
    # What is skipped rightly is well.
    assert json.loads(primary.job("check", "--json").stdout)["ok"]
    # Within the round nobody makes another one.
    assert made in skipped(replica)

    # What the replica made turns out to be bad, and the replica falls behind: the primary does it.
    (manifest,) = postgresql.backups
    manifest.write_text("{}")
    postgresql.replica.execute("SELECT pg_wal_replay_pause()")
    postgresql.primary.execute("INSERT INTO orders VALUES (2)")
    behind = postgresql.host("replica", prefer="replica", stand_in_after="20min", max_lag="1s")
    wait_for(lambda: "s behind, and stands in" in skipped(behind, "--check"))
    manifest.unlink()
    soon = postgresql.host("primary", prefer="replica", stand_in_after="1s")
    assert skipped(soon) == ""
    assert len(postgresql.backups) == 1
    # To the one that is behind, the round is served as to all others.
    assert "has made" in skipped(behind)
    postgresql.replica.execute("SELECT pg_wal_replay_resume()")


@pytest.mark.parametrize("postgresql", ["pg18"], indirect=True)
def test_of_equals_one_makes_the_backup(postgresql: Cluster) -> None:
    hosts = [postgresql.host("primary", suffix=str(number), prefer="primary") for number in range(3)]
    runs = [host.started("run", "shop", "--json") for host in hosts]
    try:
        outputs = [run.communicate(timeout=SECONDS) for run in runs]
    finally:
        for run in runs:
            run.kill()
    assert [run.returncode for run in runs] == [0, 0, 0], outputs
    assert sorted(bool(json.loads(output)["skipped"]) for output, _errors in outputs) == [False, True, True]
    assert len(postgresql.backups) == 1
    # A job of another kind is another one, whatever it is called.
    physical = {"job": "wal_backup", "options": {"database": None, "checkpoint": "fast"}}
    assert skipped(postgresql.host("primary", prefer="primary", **physical), "--check") == ""


@pytest.mark.parametrize("postgresql", ["pg18"], indirect=True)
def test_sets_and_physical_backups_serve_a_round(postgresql: Cluster) -> None:
    every = {"options": {"database": None, "all_databases": True}}
    physical = {"job": "wal_backup", "options": {"database": None, "checkpoint": "fast"}}
    for number, fields in enumerate((every, physical)):
        host = postgresql.host("primary", suffix=f"-{number}", prefer="primary", **fields)
        other = postgresql.host("replica", suffix=f"-{number}", prefer="primary", **fields)
        for one in (host, other):
            path = one.folder / "jobs" / "shop.json"
            path.rename(path.with_name(f"job{number}.json"))
        assert (
            "stands in for a primary"
            in json.loads(other.job("run", f"job{number}", "--check", "--json").stdout)["skipped"]
        )
        done = host.job("run", f"job{number}")
        assert done.returncode == 0, done.stderr
        done = other.job("run", f"job{number}", "--json")
        assert "has made" in json.loads(done.stdout)["skipped"], done.stderr


@pytest.mark.parametrize("name", ["mysql57", "mysql97", "mariadb105", "mariadb118"])
def test_the_standing_of_a_replica_of_mysql(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh(name) as source, server_pool.fresh(name, extra_config={"server_id": "77"}) as replica:
        replicate(source, replica)
        source.execute("CREATE DATABASE shop", "CREATE TABLE shop.orders (id int)")
        cluster = Cluster(tmp_path, source, replica)
        host = cluster.host("replica", prefer="replica")
        wait_for(lambda: replica.execute("SHOW DATABASES LIKE 'shop'") != [])
        # It would begin at once.
        wait_for(lambda: skipped(host, "--check") == "")
        assert "the primary, and stands in for a replica" in skipped(
            cluster.host("primary", prefer="replica"), "--check"
        )
        replica.execute("STOP REPLICA" if is_new(replica) else "STOP SLAVE")
        assert "a replica that gets nothing from its primary" in skipped(host, "--check")


def is_new(server: Server) -> bool:
    return server.flavor == "mysql" and server.version >= (8,)


def replicate(source: Server, replica: Server) -> None:
    source.execute("CREATE USER replica@'%' IDENTIFIED BY 'word'", "GRANT REPLICATION SLAVE ON *.* TO replica@'%'")
    change, word = ("REPLICATION SOURCE", "SOURCE") if is_new(source) else ("MASTER", "MASTER")
    where = {"HOST": "'127.0.0.1'", "PORT": source.port, "USER": "'replica'", "PASSWORD": "'word'", "SSL": 0}
    settings = [f"{word}_{name} = {value}" for name, value in where.items()]
    if source.flavor == "mariadb":
        settings.append("MASTER_USE_GTID = slave_pos")
    else:
        settings += [f"{word}_AUTO_POSITION = 1", *(["GET_SOURCE_PUBLIC_KEY = 1"] if is_new(source) else [])]
    replica.execute(f"CHANGE {change} TO {', '.join(settings)}", "START REPLICA" if is_new(replica) else "START SLAVE")
