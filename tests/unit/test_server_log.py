# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of a server's log, and how a server's configuration is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import UsageError
from dbfleet.local_server.launch import Launch, launch_of, setting_of
from dbfleet.local_server.server_log import LogWatch, telling_lines

_LOG = """
2026-11-22 03:15:00.123 UTC [4711] LOG:  starting PostgreSQL 17.2
2026-11-22 03:15:00.123 UTC [4712] app@shop ERROR:  duplicate key value violates unique constraint "card_pkey"
2026-11-22 03:15:00.123 UTC [4712] app@shop DETAIL:  Key (number)=(secret) already exists.
2026-11-22 03:15:00.123 UTC [4712] app@shop STATEMENT:  INSERT INTO card VALUES ('secret',
\t'secret')
2026-11-22 03:15:00.124 UTC [4712] app@shop LOG:  duration: 12 ms  statement: SELECT 'secret'
2026-11-22 03:15:00.124 UTC [4712] app@shop DETAIL:  parameters: $1 = 'secret'
2026-11-22 03:15:00.125 UTC [4711] FATAL:  data directory "/d" has wrong ownership
2026-11-22 03:15:00.125 UTC [4711] HINT:  The server must be started by the user that owns the data directory.
2026-11-22 03:15:00.126 UTC [4711] WARNING:  secret
2026-11-22 03:15:00.126 UTC [4711] DETAIL:  secret
2026-11-22 03:15:00.127 UTC [4712] WARNING:  hot standby is not possible because of insufficient parameter settings
2026-11-22 03:15:00.127 UTC [4712] DETAIL:  max_connections = 100 is a lower setting than on the primary server.
"""


def test_tells_of_the_server_and_not_of_its_data() -> None:
    told = telling_lines(_LOG)
    assert told == [
        "LOG: starting PostgreSQL 17.2",
        'FATAL: data directory "/d" has wrong ownership',
        "HINT: The server must be started by the user that owns the data directory.",
        "WARNING: hot standby is not possible because of insufficient parameter settings",
        "DETAIL: max_connections = 100 is a lower setting than on the primary server.",
    ]


def test_tells_only_of_what_came_since(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("FATAL:  of yesterday\n")
    watch = LogWatch([str(tmp_path / "*")])
    assert "of yesterday" not in watch.last_words()
    assert str(log) in watch.last_words()
    with log.open("a") as file:
        file.write("FATAL:  of today\n")
    (tmp_path / "newer").write_text("PANIC:  of a log that was begun since\n")
    assert watch.last_words() == "FATAL: of today; PANIC: of a log that was begun since"
    log.write_text("LOG:  anew\n")
    assert "LOG: anew" in watch.last_words()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("data_directory = '/a b'  # here", "/a b"),
        ("data_directory '/it''s'", "/it's"),
        ("  Data_Directory=/plain#no", "/plain"),
        ("#data_directory = '/x'", ""),
        ("data_directory_mode = 'x'", ""),
        ("data_directory = '/first'\ndata_directory = '/last'", "/last"),
    ],
)
def test_reads_a_setting(line: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / "postgresql.conf"
    file.write_text(f"{line}\n")
    assert setting_of(str(file), "data_directory") == value


def test_finds_the_cluster_with_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_CLUSTER_CONF_ROOT", str(tmp_path / "etc"))
    monkeypatch.setenv("PATH", str(tmp_path))
    data = tmp_path / "data"
    for version, cluster, folder in (("16", "main", data), ("17", "main", tmp_path / "x"), ("17", "shop", data)):
        place = tmp_path / "etc" / version / cluster
        place.mkdir(parents=True)
        (place / "postgresql.conf").write_text(f"data_directory = '{folder}'\n")
    file = str(tmp_path / "etc" / "17" / "shop" / "postgresql.conf")
    assert launch_of(str(data), "17", "", has_own=False) == Launch(file)
    assert launch_of(str(data), "18", "", has_own=True) == Launch()
    with pytest.raises(UsageError, match=r"holds no postgresql\.conf, and none below .*etc is for"):
        launch_of(str(data), "18", "", has_own=False)
    program = tmp_path / "pg_ctlcluster"
    program.touch(mode=0o755)
    found = launch_of(str(data), "17", "", has_own=True, programs="/opt/pg/bin")
    assert found.control == (str(program), "17", "shop", "start", "--bindir", "/opt/pg/bin")
    assert launch_of(str(data), "17", file, has_own=False).control == (str(program), "17", "shop", "start")
    assert launch_of(str(data / "other"), "17", file, has_own=False) == Launch(file)
