# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbfleet.cli.arguments import parse_arguments, read_password_file
from dbfleet.errors import NotFoundError, UsageError
from dbfleet.release import VERSION

SECRET = "tr0ub4dor"


def parse(line: str, *more: str):
    return parse_arguments([*line.split(), *more])


@pytest.mark.parametrize(
    ("line", "world", "expected"),
    [
        (
            (
                "backup postgresql --host h --port 5433 --user u --database d --repository /r --format custom "
                "--compress gzip:6 --jobs 4 --json"
            ),
            "postgresql",
            {"login_host": "h", "login_user": "u", "database": "d", "repository": "/r", "compress": "gzip:6"},
        ),
        (
            "backup mysql --socket /s --user u --database d --dest /x --format plain --json",
            "mysql",
            {"login_unix_socket": "/s", "dest": "/x", "format": "plain"},
        ),
        (
            "restore postgresql --host h --repository /r --backup latest --database t --create --jobs 2",
            "postgresql",
            {"backup": "latest", "database": "t", "repository": "/r"},
        ),
        ("restore mariadb --source /x --database t --force", "mysql", {"source": "/x", "database": "t"}),
        ("info /r --backup 20261122T124118Z-logical", "", {"repository": "/r", "backup": "20261122T124118Z-logical"}),
        (
            "backup postgresql --username u --dbname d --lock-wait-timeout 5s --service s --passfile /p",
            "postgresql",
            {"login_user": "u", "database": "d", "lock_wait_timeout": "5s", "service": "s", "passfile": "/p"},
        ),
        (
            "backup mysql --database d --defaults-file /m --option-group g --ssl-mode VERIFY_CA --ssl-ca /c",
            "mysql",
            {"option_file": "/m", "option_group": "g", "ssl_mode": "VERIFY_CA", "ca_cert": "/c"},
        ),
    ],
)
def test_the_forms_of_the_command(line: str, world: str, expected: dict[str, str]) -> None:
    command = parse(line)
    assert command.job == line.partition(" ")[0]
    assert command.given.world == world
    assert {name: command.given.text(name) for name in expected} == expected
    assert command.json is ("--json" in line)


def test_switches_and_numbers() -> None:
    command = parse("restore postgresql --database t --source /x --clean --port 5433 --check --debug --quiet")
    assert command.given.switch("clean")
    assert not command.given.switch("create")
    assert command.given.number("login_port") == 5433
    assert command.given.count("jobs", least=1) == 1
    assert (command.check, command.debug, command.quiet, command.json) == (True, True, True, False)


@pytest.mark.parametrize(
    "words",
    [
        ["backup", "mysql", f"--password={SECRET}", "--database", "d"],
        ["backup", "mysql", "--password", SECRET, "--database", "d"],
        ["backup", "mysql", "--database", "d", f"-p{SECRET}"],
        ["backup", "mysql", "--database", "d", "-p", SECRET],
        ["backup", "mysql", "--database", "d", f"--pwd={SECRET}"],
        ["backup", "mysql", "--database", "d", "--passwd", SECRET],
        ["restore", "postgresql", "--database", "d", "-W", SECRET],
        [f"--password={SECRET}", "restore", "postgresql", "--database", "d"],
        ["info", "/r", f"--password={SECRET}"],
    ],
    ids=" ".join,
)
def test_a_password_in_the_arguments_is_refused_and_not_repeated(words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse_arguments(words)
    assert SECRET not in str(caught.value)
    assert "--password-file" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "required: COMMAND"),
        ("backup", "required: DBMS"),
        ("dump postgresql", "invalid choice: 'dump'"),
        ("backup postgresql --database d --port x", "invalid int value"),
        ("backup postgresql --database d --ssl-mode REQUIRED", "invalid choice"),
        ("backup mysql --database d --format custom", "invalid choice"),
        ("backup postgresql --database d /x", "an argument too many"),
        ("backup postgresql --database d --max", "unknown option --max"),
        ("info", "required: REPOSITORY|PATH"),
    ],
)
def test_wrong_usage(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_an_option_of_the_other_world_says_whose_it_is() -> None:
    with pytest.raises(UsageError) as caught:
        parse("backup postgresql --database d --defaults-file /m")
    assert caught.value.hint == "it is an option of dbfleet backup mysql"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"dbfleet {VERSION}\n"


@pytest.mark.parametrize("line", ["--help", "backup --help", "backup mysql --help", "restore postgresql -h", "info -h"])
def test_help(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(line)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("usage: dbfleet")


def password_file(folder: Path, content: str, mode: int = 0o600) -> str:
    path = folder / "password"
    path.write_bytes(content.encode())
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("content", [SECRET, f"{SECRET}\n", f"{SECRET}\r\n"])
def test_password_file(tmp_path: Path, content: str) -> None:
    path = password_file(tmp_path, content)
    command = parse("backup mysql --database d --password-file", path)
    assert command.given.text("login_password") == SECRET


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602])
def test_password_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = password_file(tmp_path, SECRET, mode)
    with pytest.raises(UsageError) as caught:
        read_password_file(path)
    assert caught.value.hint == f"chmod 600 {path}"
    assert SECRET not in str(caught.value)


def test_password_file_may_be_read_by_the_group_only_if_root_owns_it(tmp_path: Path) -> None:
    path = password_file(tmp_path, SECRET, 0o640)
    if os.geteuid() == 0:
        assert read_password_file(path) == SECRET
        os.chown(path, 65534, 65534)
    with pytest.raises(UsageError, match="can be read by others"):
        read_password_file(path)


@pytest.mark.parametrize("content", ["", "\n", f"{SECRET}\n{SECRET}\n", "x" * 5000])
def test_password_file_must_hold_one_line(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match="on one line, and nothing else") as caught:
        read_password_file(password_file(tmp_path, content))
    assert SECRET not in str(caught.value)


def test_password_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no password file"):
        read_password_file(str(tmp_path / "nothing"))


def test_password_from_a_pipe() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, SECRET.encode())
    os.close(write_end)
    try:
        assert read_password_file(f"/dev/fd/{read_end}") == SECRET
    finally:
        os.close(read_end)
