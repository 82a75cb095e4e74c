# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory of a backup does not grow with the data: measured on a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers
from tests.integration.postgresql.backup_support import restore_genuinely
from tests.integration.postgresql.restore_support import new_database
from tests.servers.fixtures import Database

LIMIT = 100 << 20

#: Backs up one database and says how much memory the process had at its peak.
_PROGRAM = """
import json, sys
from pathlib import Path
from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.streams.file import FileSink

class Folder:
    can_patch = True
    def create(self, path, *, patched=False):
        return FileSink(sys.argv[5] + "/out.dump")

connection = ConnectionOptions(unix_socket=sys.argv[1], port=int(sys.argv[2]), user=sys.argv[3])
source = PostgresqlBackupSource(BackupOptions(connection=connection, database=sys.argv[4], compression=sys.argv[6]))
source.plan()
contents = source.write(Folder(), Progress())
source.close()
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"peak": int(peak.split()[1]) * 1024, "rows": sum(table.rows for table in contents.tables),
                  "bytes": sum(table.bytes for table in contents.tables)}))
"""


def measure(server: servers.Server, database: str, folder: Path, compression: str) -> dict[str, int]:
    command = [sys.executable, "-c", _PROGRAM, server.socket, str(server.port), server.user, database]
    done = subprocess.run([*command, str(folder), compression], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    measured: dict[str, int] = json.loads(done.stdout)
    return measured


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["none", "gzip:6", "zstd:3"])
def test_rows_of_ten_megabytes(pg_latest_database: Database, tmp_path: Path, compression: str) -> None:
    database = pg_latest_database
    database.execute(
        "CREATE TABLE wide (id integer, text text, data bytea)",
        "ALTER TABLE wide ALTER text SET STORAGE EXTERNAL, ALTER data SET STORAGE EXTERNAL",
        "INSERT INTO wide SELECT g, repeat(md5(g::text), 10 << 15), NULL FROM generate_series(1, 8) g",
        "INSERT INTO wide SELECT g, NULL, convert_to(repeat(md5(g::text), 5 << 15), 'UTF8')"
        " FROM generate_series(1, 8) g",
    )
    measured = measure(database.server, database.name, tmp_path, compression)
    assert measured["rows"] == 16
    assert measured["bytes"] > 160 << 20
    assert measured["peak"] < LIMIT, f"{measured['peak'] / (1 << 20):.0f} MiB"
    with new_database(database.server) as copy:
        restore_genuinely(database.server, tmp_path / "out.dump", copy)
        digest = "SELECT count(*), sum(hashtext(text)), sum(hashtext(encode(data, 'hex'))) FROM wide"
        assert database.server.execute(digest, database=copy) == database.execute(digest)


@pytest.mark.slow
def test_many_narrow_rows(pg_latest_database: Database, tmp_path: Path) -> None:
    database = pg_latest_database
    database.execute("CREATE TABLE narrow AS SELECT g AS a, g % 10 AS b FROM generate_series(1, 2000000) g")
    measured = measure(database.server, database.name, tmp_path, "gzip:6")
    assert measured["rows"] == 2000000
    assert measured["peak"] < LIMIT, f"{measured['peak'] / (1 << 20):.0f} MiB"


@pytest.mark.slow
def test_many_small_tables(pg_latest_database: Database, tmp_path: Path) -> None:
    database = pg_latest_database
    columns = "id serial PRIMARY KEY, a text DEFAULT ''x'', b numeric CHECK (b > 0), c timestamptz DEFAULT now()"
    for start in range(0, 1000, 500):
        # In parts: one transaction has only so many locks.
        database.execute(
            f"DO $$ BEGIN FOR i IN {start}..{start + 499} LOOP"
            f" EXECUTE format('CREATE TABLE t%s ({columns})', i); END LOOP; END $$"
        )
    measured = measure(database.server, database.name, tmp_path, "gzip:6")
    assert measured["peak"] < LIMIT, f"{measured['peak'] / (1 << 20):.0f} MiB"
