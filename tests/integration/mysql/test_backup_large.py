# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of many megabytes: whole, and in memory that does not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Server

from .backup_support import back_up, empty, load, scratch

# The peak of the process that makes the backup, the interpreter and its libraries included.
_BACK_UP = """
import json, resource, sys
from pathlib import Path
from dbfleet.mysql.dump import MysqlBackupSource
from dbfleet.mysql.options import BackupOptions, ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.streams.file import FileSink

class Folder:
    can_patch = True
    def create(self, path):
        return FileSink(sys.argv[1] + "/" + path)

request = json.load(sys.stdin)
source = MysqlBackupSource(BackupOptions(connection=ConnectionOptions(**request["connection"]),
    database=request["database"], compression=request["compression"]))
source.plan()
contents = source.write(Folder(), Progress())
source.close()
rows = {table.name: table.rows for table in contents.tables}
# Not ru_maxrss: a child begins with that of the process it was forked from.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"rows": rows, "peak": int(status["VmHWM"].split()[0]) * 1024}))
"""


def peak_of(server: Server, database: str, folder: Path, compression: str) -> dict[str, Any]:
    request = {
        "connection": {"unix_socket": server.socket, "user": server.user, "password": server.password},
        "database": database,
        "compression": compression,
    }
    done = subprocess.run(
        [sys.executable, "-c", _BACK_UP, str(folder)],
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=250,
    )
    return dict(json.loads(done.stdout))


@pytest.fixture(params=["mysql57", "mysql97", "mariadb118"])
def roomy(request: pytest.FixtureRequest, server_pool: Any) -> Any:
    with server_pool.fresh(request.param, extra_config={"max_allowed_packet": "256M"}) as server:
        yield server


@pytest.mark.parametrize("compression", ["none", "gzip:6", "zstd:3"])
def test_rows_of_ten_megabytes_stay_below_a_hundred(roomy: Server, tmp_path: Path, compression: str) -> None:
    with scratch(roomy) as database:
        roomy.execute(
            "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, x LONGTEXT)",
            *(
                f"INSERT INTO t VALUES ({number}, REPEAT(UNHEX('00FF275C'), 2500000), REPEAT('it''s ', 2000000))"
                for number in range(6)
            ),
            database=database,
        )
        found = peak_of(roomy, database, tmp_path, compression)
    assert found["rows"] == {"t": 6}
    assert found["peak"] < 100_000_000


def test_many_rows_stay_below_a_hundred(roomy: Server, tmp_path: Path) -> None:
    with scratch(roomy) as database:
        roomy.execute(
            "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, x VARCHAR(300), n INT)",
            "INSERT INTO t (x, n) VALUES " + ",".join(f"('{'text ' * 40}{number}', NULL)" for number in range(4000)),
            *(["INSERT INTO t (x, n) SELECT x, id FROM t"] * 6),
            database=database,
        )
        found = peak_of(roomy, database, tmp_path, "gzip:6")
    assert found["rows"] == {"t": 256_000}
    assert found["peak"] < 100_000_000


def test_a_row_beyond_sixteen_megabytes_is_exact(roomy: Server, tmp_path: Path) -> None:
    with scratch(roomy) as database:
        statement = "INSERT INTO t VALUES ({}, REPEAT(UNHEX('00FF275C0A'), {}), REPEAT('é''\\\\', {}), {})"
        roomy.execute(
            "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, x LONGTEXT, after_ INT)",
            statement.format(1, 4_000_000, 1, 7),
            statement.format(2, 1, 6_000_000, 8),
            statement.format(3, 1, 1, 9),
            # The text alone fills whole packets.
            "INSERT INTO t VALUES (4, NULL, REPEAT('x', 16777215 - 4 - 2 - 1 - 1), NULL)",
            "INSERT INTO t VALUES (5, NULL, REPEAT('x', 2 * 16777215 - 4 - 2 - 1 - 1), NULL)",
            database=database,
        )
        digests = "SELECT id, SHA2(b, 256), SHA2(x, 256), LENGTH(x), after_ FROM t ORDER BY id"
        want = roomy.execute(digests, database=database)
        made = back_up(roomy, database, tmp_path)
        empty(roomy, database)
        # The client has a limit of its own.
        load(roomy, database, made.text, "--max-allowed-packet=256M")
        assert roomy.execute(digests, database=database) == want
    assert made.contents.tables[0].rows == 5
