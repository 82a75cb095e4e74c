# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore of very many objects by several processes, with the memory of each; run on demand, as it takes minutes.

``python -m tests.integration.postgresql.scale_restore [--tables N] [--objects N] [--jobs N] [--server NAME]``
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

from tests import servers
from tests.integration.process_memory import peaks, say

SOURCE, TARGET = "scale", "scale_restored"
LIMIT = 100_000_000
_TABLES = """
DO $$ BEGIN FOR n IN 1..{tables} LOOP
    EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text, amount numeric)', n);
    EXECUTE format('INSERT INTO t%s SELECT k, md5(k::text), k FROM generate_series(1, 10) AS k', n);
    COMMIT;
END LOOP; END $$
"""
_OBJECTS = "SELECT count(lo_from_bytea(0, md5(n::text)::bytea)) FROM generate_series(1, {objects}) AS n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20_000)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--server", default="pg18")
    given = parser.parse_args()
    # A dump locks every table.
    with servers.start(given.server, extra_config={"max_locks_per_transaction": "1000"}) as server:
        with server.connect() as connection:
            connection.execute(f"CREATE DATABASE {SOURCE}")
        with server.connect(SOURCE) as connection:
            connection.execute(_TABLES.format(tables=given.tables))
            connection.execute(_OBJECTS.format(objects=given.objects))
        restored(server, given.jobs, given.tables, given.objects)


def restored(server: servers.Server, jobs: int, tables: int, objects: int) -> None:
    """Back up, restore and compare."""
    environment = {**os.environ, **server.env()}
    login = ["--host", str(server.socket), "--port", str(server.port), "--user", server.user]
    command = [sys.executable, "-m", "dbfleet.cli"]
    with tempfile.TemporaryDirectory(prefix="dbfleet-scale-") as folder:
        dest = os.path.join(folder, "scale.dump")
        backup = [*command, "backup", "postgresql", *login, "--database", SOURCE, "--dest", dest, "--quiet"]
        subprocess.run(backup, env=environment, check=True)
        restore = [*command, "restore", "postgresql", *login, "--source", dest, "--database", TARGET, "--create"]
        options = ["--jobs", str(jobs), "--verify", "digest", "--json", "--quiet"]
        found, output = peaks([*restore, *options], environment)
    checks = json.loads(output)["restore"]["checks"]
    sys.stdout.write(f"compared: {checks['compared']}\n")
    if checks["compared"]["digest"] != tables:
        sys.exit(f"error: {tables} tables were to be compared")
    with server.connect(TARGET) as connection:
        ((number,),) = connection.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchall()
    if number != objects:
        sys.exit(f"error: there are {number} large objects instead of {objects}")
    say(found, LIMIT)


if __name__ == "__main__":
    main()
