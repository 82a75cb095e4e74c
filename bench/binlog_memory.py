# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory at a huge transaction: ``python -m bench.binlog_memory [--server NAME] [--megabytes N]``.

One transaction of that size (1 GB by default) is archived, listed, replayed by both appliers and undone, each by the
command; what all of its processes took at most is printed, and more than 100 MB is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .measure import Command, run

_LIMIT = 100_000_000
_DATABASE = "huge"
#: Bytes of a row, in half of which nothing repeats.
_ROW = 8 << 10
_DIGITS = "(SELECT 0 d UNION ALL " + " UNION ALL ".join(f"SELECT {digit}" for digit in range(1, 10)) + ")"


def fill(source: servers.Server, megabytes: int) -> list[str]:
    """Commit the transaction; the logs that hold its table and it: MariaDB gives a large one a file of its own."""
    crossed = " JOIN ".join(f"{_DIGITS} d{number}" for number in range(6))
    number = " + ".join(f"d{number}.d * {10**number}" for number in range(6))
    rows = (megabytes << 20) // _ROW
    source.execute(f"CREATE DATABASE {_DATABASE}", "FLUSH BINARY LOGS")
    before = len(source.execute("SHOW BINARY LOGS")) - 1
    source.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, note TEXT)",
        f"INSERT INTO t SELECT {number} + 1, REPEAT(SHA2({number}, 512), {_ROW // 128}) FROM {crossed} "
        f"WHERE {number} < {rows}",
        "FLUSH BINARY LOGS",
        database=_DATABASE,
    )
    return [str(row[0]) for row in source.execute("SHOW BINARY LOGS")[before:-1]]


def commands(source: servers.Server, folder: Path, logs: list[str]) -> Iterator[tuple[str, list[str], servers.Server]]:
    """What is measured: its name, its arguments and the server that it is about."""
    archive = folder / "archive"
    files = [str(archive / log) for log in logs]
    yield "archive", ["archive", "--folder", str(archive)], source
    yield "archive compressed", ["archive", "--repository", str(folder / "repository"), "--compress", "lz4"], source
    extra = {"log_slave_updates": "ON"} if source.flavor == "mariadb" else {}
    for applier in ("replica", "binlog_statements"):
        with servers.start(source.name, extra_config=extra) as target:
            target.execute(f"CREATE DATABASE {_DATABASE}")
            target.execute("RESET BINARY LOGS AND GTIDS" if target.version[0] == 9 else "RESET MASTER")
            yield f"replay {applier}", ["replay", "--applier", applier, *files], target
    words = ["flashback", "--apply", "--table", f"{_DATABASE}.t", "--verb", "insert", *files]
    yield "flashback", words, source


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="mysql97")
    parser.add_argument("--megabytes", type=int, default=1024)
    arguments = parser.parse_args()
    largest = 0
    # What InnoDB keeps to take a transaction back has to fit.
    config = {"innodb_buffer_pool_size": "256M"}
    with servers.start(arguments.server, extra_config=config) as source, tempfile.TemporaryDirectory() as folder:
        logs = fill(source, arguments.megabytes)
        size = max((source.data_dir / log).stat().st_size for log in logs)
        print(json.dumps({"server": arguments.server, "transaction_mb": round(size / 1e6)}), flush=True)
        for name, words, server in commands(source, Path(folder), logs):
            login = ["--socket", str(server.socket), "--user", server.user, "--quiet"]
            argv = [sys.executable, "-m", "dbfleet.cli", "binlog", *words, *login]
            cost = run(Command(argv, {**os.environ, **server.env()}))
            largest = max(largest, cost.memory)
            figures = {"wall": round(cost.wall, 1), "cpu": round(cost.cpu, 1), "peak_mb": round(cost.memory / 1e6, 1)}
            print(json.dumps({"command": name, **figures}), flush=True)
    if largest > _LIMIT:
        sys.exit(f"error: {largest / 1e6:.0f} MB are more than {_LIMIT / 1e6:.0f}")


if __name__ == "__main__":
    main()
