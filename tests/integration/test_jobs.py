# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``dbfleet job`` on real servers, telling a real web server."""

from __future__ import annotations

import dataclasses
import http.server
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.job_host import Host
from tests.servers.fixtures import Database, ServerPool

DATABASES = {"postgresql": "pg_latest_database", "mariadb": "mariadb_latest_database"}
TOKEN = "t0ken-of-the-webhook"


@dataclasses.dataclass
class Listener:
    """A web server that remembers what it was told."""

    url: str
    bodies: list[dict[str, Any]]
    tokens: list[str | None]
    answer: int = 200


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if heard.answer == 200:
                heard.bodies.append(body)
                heard.tokens.append(self.headers["Authorization"])
            self.send_response(heard.answer)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Listener(f"http://127.0.0.1:{server.server_address[1]}/hook/secret-path", [], [])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world(request.param, request.getfixturevalue(DATABASES[request.param])) as made:
        yield made


def backup_of(world: World, host: Host, **options: Any) -> dict[str, Any]:
    """A backup job's file, its password a credential."""
    connection = world.module_connection()
    host.secret("shop_password", str(connection.pop("login_password")))
    dbms = connection.pop("dbms")
    place = {"repository": str(host.folder / "repository"), "cluster": "test", "database": world.name}
    return {
        "job": "backup",
        "dbms": dbms,
        "options": {**connection, **place, **options},
        "secrets": {"login_password": "shop_password"},
    }


def test_a_backup_fails_is_told_and_recovers(world: World, host: Host, listener: Listener) -> None:
    host.secret("hook", listener.url)
    host.secret("token", TOKEN)
    fields = backup_of(world, host)
    fields["secrets"].update(webhook_url="hook", webhook_token="token")
    host.write("shop", **fields, success_within="26h")
    checked = host.job("run", "shop", "--check")
    assert checked.returncode == 0, checked.stderr
    assert not (host.folder / "repository").exists()
    assert not (host.folder / "status").exists()

    done = host.job("run", "shop", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["backup"]["rows"] == ROWS
    status = host.status("shop")
    assert (status["last_run"]["outcome"], status["last_run"]["result"]["rows"]) == ("success", ROWS)
    assert (status["database"], status["cluster"], status["objective"]) == (world.name, "test", 26 * 3600)
    assert not listener.bodies

    host.secret("shop_password", "wr0ng-but-secret")
    failed = host.job("run", "shop")
    assert failed.returncode == 1
    assert host.job("check").returncode == 1
    (told,) = listener.bodies
    assert (told["event"], told["job"], told["database"]) == ("failure", "shop", world.name)
    assert told["error"]["message"] in told["text"]
    assert listener.tokens == [f"Bearer {TOKEN}"]

    host.secret("shop_password", world.password)
    assert host.job("run", "shop").returncode == 0
    assert [one["event"] for one in listener.bodies] == ["failure", "recovery"]
    well = host.job("check", "--json")
    assert (well.returncode, json.loads(well.stdout)["jobs"][0]["state"]) == (0, "ok")

    shown = done.stdout + done.stderr + failed.stdout + failed.stderr
    kept = "".join(path.read_text() for path in (host.folder / "status").iterdir())
    for secret in (world.password, "wr0ng-but-secret", TOKEN, "secret-path"):
        assert secret not in shown + kept
    assert {oct(path.stat().st_mode & 0o7) for path in (host.folder / "status").iterdir()} == {"0o0"}


def test_what_cannot_be_delivered_is_told_later(host: Host, listener: Listener) -> None:
    notify = {"webhook": {"url": listener.url}}
    host.write("tidy", job="prune", options={"repository": str(host.folder / "none"), "keep_last": 3}, notify=notify)
    # A redirect is no answer: the token is not for somebody else.
    for listener.answer in (500, 302):
        failed = host.job("run", "tidy")
        assert failed.returncode == 1
        assert f"the webhook at 127.0.0.1 answered {listener.answer}" in failed.stderr
        assert "secret-path" not in failed.stderr
    assert host.job("notify").returncode == 1
    listener.answer = 200
    assert host.job("notify").returncode == 0
    assert host.job("notify").returncode == 0
    assert [one["event"] for one in listener.bodies] == ["failure"]
    assert host.job("run", "tidy", "--no-notify").returncode == 1
    assert len(listener.bodies) == 1


@pytest.mark.timeout(900)
def test_silence_is_noticed_by_the_check_and_told(host: Host, listener: Listener) -> None:
    notify = {"webhook": {"url": listener.url}}
    options = {"repositories": [str(host.folder / "none")], "output": str(host.folder / "metrics.prom")}
    host.write("metrics", job="metrics", options=options, success_within="1s", notify=notify)
    deadline = time.monotonic() + 240
    # Nothing has begun the job yet: it counts from when it was first seen.
    while not listener.bodies:
        assert time.monotonic() < deadline
        host.job("check")
    (told,) = listener.bodies
    assert (told["event"], told["job"], told["last_success_at"]) == ("silence", "metrics", "")
    assert "has not succeeded" in told["text"]
    assert host.job("run", "metrics").returncode == 0
    assert [one["event"] for one in listener.bodies] == ["silence", "recovery"]


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_a_missing_secret_is_a_failure_that_is_recorded(world: World, host: Host) -> None:
    host.write("shop", **backup_of(world, host))
    (host.folder / "credentials" / "shop_password").unlink()
    assert host.job("run", "shop").returncode == 1
    assert host.status("shop")["last_run"]["error"]["kind"] == "not_found"


@pytest.mark.parametrize("world", ["mariadb"], indirect=True)
def test_verify_prune_and_copy(world: World, host: Host) -> None:
    repository, second = str(host.folder / "repository"), str(host.folder / "second")
    host.write("shop", **backup_of(world, host))
    host.write("verify", job="verify", options={"repository": repository, "backup": "all"})
    host.write("copy", job="copy", options={"repository": repository, "copy_to": second})
    host.write("prune", job="prune", options={"repository": repository, "keep_last": 1})
    drill = backup_of(world, host)
    host.write("drill", **{**drill, "job": "verify", "options": {**drill["options"], "level": "restore"}})
    for name in ("shop", "shop", "verify", "drill", "copy", "prune"):
        time.sleep(1.0 if name == "shop" else 0.0)
        done = host.job("run", name)
        assert done.returncode == 0, (name, done.stderr)
    results = {name: host.status(name)["last_run"]["result"] for name in ("verify", "drill", "copy", "prune")}
    assert (results["verify"]["verifications"], results["drill"]["verifications"]) == (2, 1)
    assert (results["copy"]["copies"], results["prune"]["removed"]) == (1, 1)
    assert host.job("check").returncode == 0
    output = host.folder / "metrics.prom"
    looked_at = {"repositories": [repository], "status_folder": str(host.folder / "status"), "output": str(output)}
    host.write("metrics", job="metrics", options=looked_at)
    assert host.job("run", "metrics", "--check").returncode == 0
    assert not output.exists()
    assert host.job("run", "metrics").returncode == 0
    written = output.read_text()
    for line in (f'dbfleet_repository_up{{repository="{repository}"}} 1', 'job_name="shop"'):
        assert line in written
    # What failed its verification fails the job.
    artifact = next(Path(repository).rglob("manifest.json"))
    artifact.write_text("{}")
    assert host.job("run", "verify").returncode == 1
    assert host.status("verify")["last_run"]["error"]["kind"] == "verification"


def test_a_standby_of_postgresql(server_pool: ServerPool, host: Host) -> None:
    with server_pool.fresh("pg18") as primary, servers.start_standby(primary) as standby:
        for server, role in ((primary, "primary"), (standby, "replica")):
            options = {
                "login_host": server.host,
                "login_port": server.port,
                "login_user": server.user,
                "database": "postgres",
                "repository": str(host.folder / "repository"),
            }
            host.secret("password", server.password or "none")
            for only_on in ("primary", "replica"):
                fields = {"secrets": {"login_password": "password"}, "only_on": only_on, "success_within": "1h"}
                host.write("job", job="backup", dbms="postgresql", options=options, **fields)
                done = host.job("run", "job", "--json")
                assert done.returncode == 0, done.stderr
                data = json.loads(done.stdout)
                assert bool(data["skipped"]) == (only_on != role), (role, only_on, data)
                outcome = host.status("job")["last_run"]["outcome"]
                assert outcome == ("skipped" if data["skipped"] else "success")


def test_a_replica_of_mysql(mysql_database: Database, host: Host) -> None:
    server = mysql_database.server
    new = server.flavor == "mysql" and server.version >= (8,)
    change, word = ("CHANGE REPLICATION SOURCE TO", "SOURCE") if new else ("CHANGE MASTER TO", "MASTER")
    options = {
        "login_host": server.host,
        "login_port": server.port,
        "login_user": server.user,
        "database": mysql_database.name,
        "repository": str(host.folder / "repository"),
    }
    host.secret("password", server.password or "none")
    host.write(
        *("job",),
        job="backup",
        dbms=server.flavor,
        options=options,
        only_on="primary",
        secrets={"login_password": "password"},
    )
    assert host.job("run", "job").returncode == 0
    assert host.status("job")["last_run"]["outcome"] == "success"
    server.execute(f"{change} {word}_HOST='127.0.0.1', {word}_PORT=1, {word}_LOG_FILE='bin.000042', {word}_LOG_POS=4")
    try:
        assert host.job("run", "job").returncode == 0
    finally:
        server.execute("RESET REPLICA ALL" if new else "RESET SLAVE ALL")
    run = host.status("job")["last_run"]
    assert (run["outcome"], run["result"]) == (
        "skipped",
        {"reason": "the server is a replica, and the job is for a primary"},
    )


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_physical_backups_and_wal(world: World, host: Host) -> None:
    fields = backup_of(world, host)
    del fields["options"]["database"]
    host.write("base", **{**fields, "job": "wal_backup", "options": {**fields["options"], "checkpoint": "fast"}})
    host.write("wal", **{**fields, "job": "wal_archive"})
    place = {name: fields["options"][name] for name in ("repository", "cluster")}
    host.write("check", job="wal_check", options=place)
    host.write("tidy", job="wal_prune", options=place)
    for name in ("wal", "base", "wal", "check", "tidy"):
        if name == "base":
            for number in range(4):
                world.database.execute(f"CREATE TABLE filler_{number} (id integer)", "SELECT pg_switch_wal()")
        done = host.job("run", name)
        assert done.returncode == 0, (name, done.stderr)
    assert host.status("base")["last_run"]["result"]["id"].endswith("-physical")
    for number in range(4, 8):
        world.database.execute(f"CREATE TABLE filler_{number} (id integer)", "SELECT pg_switch_wal()")
    assert host.job("run", "wal").returncode == 0
    archive = host.folder / "repository" / "test" / "%wal"
    segments = sorted(path for path in archive.rglob("0000*") if path.is_file())
    # Behind the backup and before the end.
    segments[-3].unlink()
    assert host.job("run", "check").returncode == 1
    assert host.status("check")["last_run"]["error"]["kind"] == "verification"


def test_a_service_a_second_run_and_a_kill(mariadb_latest_database: Database, host: Host) -> None:
    with filled_world("mariadb", mariadb_latest_database) as world:
        fields = backup_of(world, host, follow=True)
        del fields["options"]["database"]
        host.write("binlogs", **{**fields, "job": "binlog_archive"}, success_within="1h")
        with _service(host) as service:
            second = host.job("run", "binlogs")
            assert (second.returncode, "running already" in second.stderr) == (75, True), second.stderr
            checked = json.loads(host.job("check", "--json").stdout)["jobs"][0]
            assert (checked["state"], checked["running"]) == ("ok", True)
            service.send_signal(signal.SIGTERM)
            assert service.wait(60) == 0
        assert host.status("binlogs")["last_run"]["outcome"] == "success"
        with _service(host) as service:
            service.kill()
            service.wait(60)
        found = host.job("check")
        assert found.returncode == 1
        assert "ended without a word" in found.stdout
        assert host.status("binlogs")["last_run"]["exit_code"] == 137


def _service(host: Host) -> subprocess.Popen[str]:
    """An archiver that has begun."""
    status = host.folder / "repository" / "test"
    before = {path: path.stat().st_mtime_ns for path in status.rglob("*")}
    service = subprocess.Popen(host.words("run", "binlogs"), env=host.environment(), text=True, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while {path: path.stat().st_mtime_ns for path in status.rglob("*") if path.exists()} == before:
        assert service.poll() is None, service.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return service
