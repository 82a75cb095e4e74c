# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command tells of whole servers, and how it is asked for them."""

from __future__ import annotations

import dataclasses

import pytest

from dbfleet.cli.arguments import parse_arguments
from dbfleet.cli.output import cluster_backup_text, cluster_restore_text, info_text
from dbfleet.cluster_backup import ClusterBackupRequest
from dbfleet.cluster_restore import ClusterRestoreRequest
from dbfleet.errors import UsageError
from dbfleet.requests.backup import backup_request
from dbfleet.requests.restore import restore_request
from dbfleet.summary import backup_summary
from tests.unit.cli.test_output import SHOP

SET = "20261122T124118Z-globals"
GLOBALS = backup_summary(
    dataclasses.replace(SHOP, id=SET, kind="globals", database="", set=SET), path="/g", tables=False
)
DATA = {
    "changed": True,
    "set": SET,
    "consistency": "database",
    "backups": [GLOBALS, backup_summary(SHOP, path="/s", tables=False)],
}


def test_a_set() -> None:
    text = cluster_backup_text(DATA, check=False)
    assert text.startswith(f"backed up 1 database and the globals as set {SET}\n")
    assert [line.split()[:3] for line in text.splitlines()[2:4]] == [
        ["(globals)", SET, "0/1A2B3C4"],
        ["shop", SHOP.id, "0/1A2B3C4"],
    ]
    assert "every database has a snapshot of its own" in text
    snapshot = {"binlog_file": "binlog.000007", "binlog_position": 1525}
    of_mysql = [{**backup, "snapshot": snapshot} for backup in DATA["backups"]]
    text = cluster_backup_text({**DATA, "consistency": "server", "backups": of_mysql}, check=False)
    assert "binlog.000007:1525" in text
    assert text.endswith("all databases show the same moment\n")
    assert cluster_backup_text({**DATA, "changed": False}, check=False).startswith(f"nothing to do: set {SET} is young")


def test_the_list_has_the_sets() -> None:
    sets = [{"id": SET, "cluster": "main", "databases": ["shop", "forum"], "missing": ["forum"]}]
    lines = info_text({"backups": DATA["backups"], "sets": sets}).splitlines()
    assert lines[-2].split() == ["CLUSTER", "SET", "OF", "STATE"]
    assert "2 databases and the globals" in lines[-1]
    assert "incomplete: 'forum' missing" in lines[-1]


def test_a_restore_of_globals() -> None:
    found = {"created": ["role 'a'"], "altered": {}, "differing": {"role 'b'": ["PASSWORD", "comment"]}, "equal": 3}
    restore = {"source": "/g", "verified": "checksums", "globals": found, "databases": [], "duration": 1}
    text = cluster_restore_text({"restore": restore}, check=False)
    assert text.startswith("restored the globals\n")
    assert "created               role 'a'" in text
    assert "left as is: role 'b'  differs in PASSWORD, comment" in text


def asked(line: str) -> object:
    command = parse_arguments(line.split())
    request = backup_request if command.job == "backup" else restore_request
    return request(command.given, check=command.check)


def test_what_is_asked_for() -> None:
    backup = asked("backup postgresql --all-databases --repository /r --exclude-database a --exclude-database b")
    assert isinstance(backup, ClusterBackupRequest)
    assert (backup.options.exclude_databases, backup.options.role_passwords) == (("a", "b"), True)
    without = asked("backup postgresql --all-databases --repository /r --no-role-passwords")
    assert isinstance(without, ClusterBackupRequest)
    assert not without.options.role_passwords
    for line, globals_only in (("--all-databases --repository /r", False), ("--globals-only --source /s", True)):
        restore = asked(f"restore postgresql {line} --force")
        assert isinstance(restore, ClusterRestoreRequest)
        assert (restore.globals_only, restore.options.force) == (globals_only, True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("backup postgresql --repository /r", "--database and --all-databases are both missing"),
        ("backup postgresql --repository /r --database a --all-databases", "exclude each other"),
        ("backup postgresql --dest /d --all-databases", "only together with --repository"),
        ("backup postgresql --repository /r --database a --exclude-database b", "only together with --all-databases"),
        ("backup postgresql --repository /r --database a --no-role-passwords", "only together with --all-databases"),
        ("backup mysql --repository /r", "--database and --all-databases and --databases are all missing"),
        ("backup mysql --dest /d --all-databases --include-user u", "only together with --repository"),
        ("restore postgresql --repository /r", "are all missing"),
        ("restore postgresql --repository /r --all-databases --globals-only", "exclude each other"),
        ("restore postgresql --repository /r --globals-only --create", "only together with --database"),
        ("restore postgresql --repository /r --all-databases --source-database a", "only together with --database"),
    ],
)
def test_what_makes_no_sense(line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        asked(line)
