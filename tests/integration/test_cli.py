# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``dbfleet`` command against a real PostgreSQL and a real MariaDB."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.release import VERSION
from tests.integration.doors import (
    ROWS,
    World,
    arguments_of_every_process,
    files_below,
    fill_large,
    filled_world,
    partials,
    wait_for_partial,
)

DATABASES = {"postgresql": "pg_latest_database", "mariadb": "mariadb_latest_database"}
# So that a backup of few megabytes lasts long enough to be met in the middle.
SLOWLY = ["--compress", "gzip:9"]
WRONG_PASSWORD = "wr0ng-but-secret"


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        loaded = json.loads(self.out)
        assert isinstance(loaded, dict)
        return loaded


def environment(world: World | None = None, *, password: str | None = None) -> dict[str, str]:
    """This process's environment without any word about databases, and with the password."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MYSQL", "DBFLEET"))}
    if world is not None:
        clean[world.password_variable] = world.password if password is None else password
    return clean


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "dbfleet.cli", *map(str, words)]


def dbfleet(*words: object, world: World | None = None, password: str | None = None) -> Outcome:
    done = subprocess.run(
        command(*words),
        env=environment(world, password=password),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def backup(world: World, *words: object, password: str | None = None) -> Outcome:
    return dbfleet(
        "backup", world.dbms, *world.connection(), "--database", world.name, *words, world=world, password=password
    )


def restore(world: World, target: str, *words: object) -> Outcome:
    return dbfleet("restore", world.dbms, *world.connection(), "--database", target, *words, world=world)


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world(request.param, request.getfixturevalue(DATABASES[request.param])) as made:
        yield made


@pytest.fixture
def target(world: World) -> Iterator[str]:
    """The name of a database that does not exist, and does not when the test is over."""
    name = f"{world.name}_restored"
    yield name
    world.drop(name)


def test_back_up_look_and_restore(world: World, target: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    made = backup(world, "--repository", repository, "--cluster", "test", "--json")
    assert made.code == 0, made.err
    assert made.data["changed"] is True
    summary = made.data["backup"]
    assert summary["rows"] == ROWS
    assert {table["name"]: table["rows"] for table in summary["tables"]} == {"orders": ROWS, "odd name; --": 0}
    assert Path(summary["path"]).is_dir()
    modes = files_below(repository)
    assert set(modes.values()) == {"0o600", "0o700"}, modes

    listed = dbfleet("info", repository, "--json")
    expected = {key: value for key, value in summary.items() if key not in ("tables", "checksums")}
    assert [{key: each[key] for key in expected} for each in listed.data["backups"]] == [expected]
    assert "checksums" not in listed.data["backups"][0]
    shown = dbfleet("info", repository, "--backup", "latest", "--json")
    marks = {"good": True, "hold": None, "verifications": [], "verified_at": ""}
    assert shown.data["backup"] == {**summary, **marks}
    table = dbfleet("info", repository)
    assert table.err == ""
    assert table.out.splitlines()[0].split()[:3] == ["CLUSTER", "DATABASE", "BACKUP"]
    assert table.out.splitlines()[1].split()[:3] == ["test", world.name, summary["id"]]
    details = dbfleet("info", repository, "--backup", summary["id"], "--database", world.name)
    assert f"backup {summary['id']}" in details.out
    assert "odd name; --" in details.out

    options = ["--repository", repository, "--backup", summary["id"], "--source-database", world.name, "--create"]
    restored = restore(world, target, *options, "--json")
    assert restored.code == 0, restored.err
    assert restored.data["restore"]["rows"] == ROWS
    assert world.content(target) == world.content(world.name)

    refused = restore(world, target, "--repository", repository, "--json")
    assert (refused.code, refused.data["error"]["kind"]) == (1, "target_not_empty")


def test_plain_file(world: World, target: str, tmp_path: Path) -> None:
    dest = tmp_path / "shop.backup"
    made = backup(world, "--dest", dest)
    assert made.code == 0, made.err
    assert made.out == ""
    assert f"backed up database {world.name}" in made.err
    assert dbfleet("info", dest).out.startswith("backup ")
    assert dbfleet("info", dest, "--json").data["backup"]["path"] == str(dest)
    restored = restore(world, target, "--source", dest, "--create")
    assert restored.code == 0, restored.err
    assert world.content(target) == world.content(world.name)
    # A second backup replaces the first, something else is left alone.
    assert backup(world, "--dest", dest, "--quiet") == Outcome(0, "", "")
    (tmp_path / "other").write_text("precious")
    refused = backup(world, "--dest", tmp_path / "other", "--json")
    assert (refused.code, refused.data["error"]["kind"]) == (2, "usage")
    assert (tmp_path / "other").read_text() == "precious"


def test_check_changes_nothing(world: World, target: str, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    planned = backup(world, "--repository", repository, "--check", "--json")
    assert planned.code == 0, planned.err
    assert planned.data["changed"] is True
    assert planned.data["backup"]["table_count"] == 2
    assert "id" not in planned.data["backup"]
    assert not repository.exists()
    assert f"database {world.name} can be backed up" in backup(world, "--repository", repository, "--check").err

    assert backup(world, "--repository", repository).code == 0
    before, databases = files_below(repository), world.databases()
    would = restore(world, target, "--repository", repository, "--create", "--check", "--json")
    assert would.code == 0, would.err
    assert would.data["restore"]["created"] is True
    assert len(would.data["restore"]["tables"]) == 2
    assert files_below(repository) == before
    assert world.databases() == databases
    assert (
        f"database {target} can be restored"
        in restore(world, target, "--repository", repository, "--create", "--check").err
    )


def test_a_young_backup_is_enough(world: World, tmp_path: Path) -> None:
    options = ["--repository", tmp_path / "r", "--max-age", "1h", "--json"]
    first, second = backup(world, *options), backup(world, *options)
    assert (first.data["changed"], second.data["changed"]) == (True, False)
    assert second.data["backup"] == first.data["backup"]
    assert "young enough" in backup(world, *options[:-1]).err
    assert backup(world, *options[:2], "--max-age", "0", "--json").data["changed"] is True


@pytest.mark.parametrize("source", ["environment", "file"])
def test_wrong_password(world: World, source: str, tmp_path: Path) -> None:
    options: list[object] = ["--repository", tmp_path / "r", "--json", "--debug"]
    if source == "file":
        file = tmp_path / "password"
        file.write_text(WRONG_PASSWORD)
        file.chmod(0o600)
        options += ["--password-file", file]
    outcome = backup(world, *options, password="" if source == "file" else WRONG_PASSWORD)
    assert outcome.code == 1
    assert outcome.data["failed"] is True
    assert outcome.data["error"]["kind"] == "connect"
    assert "password" in outcome.data["error"]["message"]
    assert outcome.err.count("error: ") == 1
    assert WRONG_PASSWORD not in outcome.out + outcome.err
    assert not (tmp_path / "r").exists()


def test_password_file(world: World, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(world.password + "\n")
    file.chmod(0o600)
    outcome = backup(world, "--dest", tmp_path / "b", "--password-file", file, "--debug", password="")
    assert outcome.code == 0, outcome.err
    assert world.password not in outcome.out + outcome.err


def test_debug_shows_statements_and_no_rows(world: World, tmp_path: Path) -> None:
    outcome = backup(world, "--dest", tmp_path / "b", "--debug", "--json")
    assert outcome.code == 0
    assert "dbfleet." in outcome.err
    assert "SELECT" in outcome.err
    assert "Größe" not in outcome.err


def test_unknown_database(world: World, tmp_path: Path) -> None:
    words = ["backup", world.dbms, *world.connection(), "--database", "no_such_database", "--dest", tmp_path / "b"]
    outcome = dbfleet(*words, "--json", world=world)
    assert outcome.code == 1
    assert outcome.data["error"]["kind"] == "not_found"
    assert "no_such_database" in outcome.data["error"]["message"]
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def running_backup(world: World, repository: Path) -> Iterator[subprocess.Popen[str]]:
    """A backup that has begun to write."""
    words = ["backup", world.dbms, *world.connection(), "--database", world.name, "--repository", repository, *SLOWLY]
    with subprocess.Popen(
        command(*words, "--json"), env=environment(world), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for_partial(repository)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing(world: World, how: signal.Signals, tmp_path: Path) -> None:
    fill_large(world, megabytes=30)
    with running_backup(world, tmp_path) as process:
        assert not [line for line in arguments_of_every_process() if world.password in line]
        process.send_signal(how)
        # An impatient user presses the key again.
        process.send_signal(how)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert json.loads(out)["error"]["kind"] == "interrupted"
    assert "Traceback" not in err
    assert partials(tmp_path) == []
    assert dbfleet("info", tmp_path, "--json").data["backups"] == []


def test_after_a_kill_the_next_run_works(world: World, tmp_path: Path) -> None:
    fill_large(world, megabytes=30)
    with running_backup(world, tmp_path) as process:
        process.kill()
        process.communicate(timeout=30)
    assert dbfleet("info", tmp_path, "--json").data["backups"] == []
    assert partials(tmp_path) != []
    again = backup(world, "--repository", tmp_path, "--json")
    assert again.code == 0, again.err
    assert "swept" in again.err
    assert partials(tmp_path) == []
    assert len(dbfleet("info", tmp_path, "--json").data["backups"]) == 1


def test_a_reader_that_leaves_is_no_failure(world: World, tmp_path: Path) -> None:
    assert backup(world, "--repository", tmp_path).code == 0
    with subprocess.Popen(
        command("info", tmp_path), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 0


def test_a_result_that_cannot_be_written_is_a_failure(world: World, tmp_path: Path) -> None:
    assert backup(world, "--repository", tmp_path).code == 0
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("info", tmp_path, "--json"),
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bar_on_a_terminal(world: World, tmp_path: Path) -> None:
    fill_large(world, megabytes=20)
    leader, follower = pty.openpty()
    words = command(
        "backup", world.dbms, *world.connection(), "--database", world.name, "--dest", tmp_path / "b", "--json", *SLOWLY
    )
    process = subprocess.Popen(
        words,
        env={**environment(world), "TERM": "xterm", "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            data = os.read(leader, 1 << 16)
        except OSError:
            # The last one to write has closed the terminal.
            break
        if not data:
            break
        shown += data
    os.close(leader)
    out, _err = process.communicate(timeout=30)
    assert process.returncode == 0, shown.decode(errors="replace")
    assert json.loads(out)["backup"]["table_count"] == 3
    assert b"/s" in shown
    assert b" rows" in shown
    # The cursor is shown again.
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_the_installed_command() -> None:
    program = shutil.which("dbfleet", path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run([program, "--version"], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"dbfleet {VERSION}\n", "")
