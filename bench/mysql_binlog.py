# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Binlogs: copying a server's raw files, and replaying them into another server, against the vendor's tools."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import DBFLEET, Cell, _remove, _theirs, sealed
from .measure import Command

#: Rows of one large statement, statements of one row, and rows of one transaction of about 300 MB; at scale 1.
LARGE_ROWS, SMALL_TRANSACTIONS, HUGE_ROWS = 200_000, 20_000, 1_200_000
DATABASE = "bench_binlog"
_KINDS = ("large statements", "small transactions", "one huge transaction")
_APPLIERS = ("replica", "binlog_statements")
_TABLE = (
    "CREATE TABLE {} (id INT PRIMARY KEY AUTO_INCREMENT, number BIGINT, amount DECIMAL(12,2), "
    "made DATETIME, note VARCHAR(250), KEY (number))"
)
_ROWS = (
    "INSERT INTO {table} (number, amount, made, note) SELECT n * 7919 % 1000003, n / 100, '2026-01-01', "
    "CONCAT(REPEAT(HEX(n), 40), '-') FROM numbers WHERE n > {low} AND n <= {high}"
)
_DIGITS = "(SELECT 0 d UNION ALL " + " UNION ALL ".join(f"SELECT {digit}" for digit in range(1, 10)) + ")"


def binlog_cells(server: servers.Server, folder: Path, *, scale: float, only: str) -> Iterator[Cell]:
    """Every cell, with a source and a target of its own of the family of ``server``."""
    kinds = ("archive raw", "archive sealed", *(f"replay {kind} {applier}" for kind in _KINDS for applier in _APPLIERS))
    if not any(only in f"{server.flavor} binlog {kind}" for kind in kinds):
        # Two more servers and a log of hundreds of megabytes are made only when they are asked for.
        return
    extra = {"log_slave_updates": "ON"} if server.flavor == "mariadb" else {}
    with servers.start(server.name) as source, servers.start(server.name, extra_config=extra) as target:
        logs = _fill(source, scale)
        yield from _archive_cells(source, folder)
        for kind, files in logs.items():
            yield from _replay_cells(kind, files, source, target)


def _fill(source: servers.Server, scale: float) -> dict[str, list[str]]:
    """Write the logs; the files of each kind of load."""
    huge = int(HUGE_ROWS * scale)
    source.execute("SET sql_log_bin = 0", f"CREATE DATABASE {DATABASE}")
    crossed = " JOIN ".join(f"{_DIGITS} d{number}" for number in range(7))
    number = " + ".join(f"d{number}.d * {10**number}" for number in range(7))
    source.execute(
        "SET sql_log_bin = 0",
        "CREATE TABLE numbers (n INT PRIMARY KEY)",
        f"INSERT INTO numbers SELECT {number} + 1 FROM {crossed} WHERE {number} < {huge}",
        database=DATABASE,
    )
    logs: dict[str, list[str]] = {}
    for kind in _KINDS:
        source.execute("FLUSH BINARY LOGS")
        before = set(_log_names(source)[:-1])
        source.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", _TABLE.format("t"), database=DATABASE)
        if kind == "small transactions":
            with source.connect(DATABASE) as connection:
                cursor = connection.cursor()
                cursor.execute("SET SESSION autocommit = 1")
                for row in range(int(SMALL_TRANSACTIONS * scale)):
                    cursor.execute("INSERT INTO t (number, note) VALUES (%s, 'a short note')", (row,))
        else:
            rows, step = (huge, huge) if kind.startswith("one") else (int(LARGE_ROWS * scale), 20_000)
            for low in range(0, rows, step):
                source.execute(_ROWS.format(table="t", low=low, high=min(low + step, rows)), database=DATABASE)
        source.execute("DROP TABLE t", database=DATABASE)
        source.execute("FLUSH BINARY LOGS")
        logs[kind] = [str(source.data_dir / name) for name in _log_names(source)[:-1] if name not in before]
    return logs


def _log_names(source: servers.Server) -> list[str]:
    return [row[0] for row in source.execute("SHOW BINARY LOGS")]


def _ours(server: servers.Server, *arguments: str) -> Command:
    login = ["--socket", str(server.socket), "--user", server.user, "--quiet"]
    return Command([DBFLEET, "binlog", *arguments, *login], {**os.environ, **server.env()})


def _archive_cells(source: servers.Server, folder: Path) -> Iterator[Cell]:
    ours, theirs = folder / f"ours-raw-{source.flavor}", folder / f"theirs-raw-{source.flavor}"
    program = "mariadb-binlog" if source.flavor == "mariadb" else "mysqlbinlog"
    first = _log_names(source)[0]
    flags = ["--read-from-remote-server", "--raw", "--to-last-log", f"--result-file={theirs}/", first]

    def prepare() -> None:
        _remove((ours, theirs))
        theirs.mkdir()

    archive = _ours(source, "archive", "--folder", str(ours))
    raw = _theirs(program, source, *flags)
    # What an archive is beside its bytes.
    verified = Command([*raw.argv[:-1], "--verify-binlog-checksum", raw.argv[-1]], raw.environment)
    for kind, command in (("raw", raw), ("sealed", sealed(verified, theirs))):
        yield Cell(f"{source.flavor} binlog archive {kind}", archive, command, prepare, (ours, theirs), database="")


def _replay_cells(kind: str, files: list[str], source: servers.Server, target: servers.Server) -> Iterator[Cell]:
    flavor = source.flavor
    programs = ("mariadb-binlog", "mariadb") if flavor == "mariadb" else ("mysqlbinlog", "mysql")
    reader = servers.client(programs[0])
    client = _theirs(programs[1], target, "--max-allowed-packet=1G")
    read = shlex.join(reader.argv(None, *files))
    pipe = Command(
        ["bash", "-c", f"set -o pipefail; {read} | {shlex.join(client.argv)}"],
        {**reader.environment(None), **client.environment},
    )

    def prepare() -> None:
        target.execute(f"DROP DATABASE IF EXISTS {DATABASE}", "SET GLOBAL max_allowed_packet = 1073741824")
        target.execute(f"CREATE DATABASE {DATABASE}")
        if flavor == "mariadb":
            target.execute("RESET MASTER", "SET GLOBAL gtid_slave_pos = ''")
        else:
            target.execute("RESET BINARY LOGS AND GTIDS" if target.version[0] >= 8 else "RESET MASTER")

    for applier in _APPLIERS:
        yield Cell(
            f"{flavor} binlog replay {kind} {applier}",
            _ours(target, "replay", "--applier", applier, *files),
            pipe,
            prepare,
            database="",
        )
