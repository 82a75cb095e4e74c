# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup and a restore of very many tables as a folder, with the memory of each process; run on demand, as it takes
many minutes.

``python -m tests.integration.mysql.scale_tables [--tables N] [--jobs N] [--server NAME]``
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time

from bench.cells import MANY_TABLES as SOURCE
from bench.data import fill
from tests import servers
from tests.integration.process_memory import peaks, say

TARGET = "many_restored"
LIMIT = 120_000_000
#: Of the bench's data at scale 1.
_TABLES = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=_TABLES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--server", default="mariadb1011")
    given = parser.parse_args()
    with servers.start(given.server) as server:
        fill(server, SOURCE, scale=given.tables / _TABLES)
        sys.stdout.write("filled\n")
        measured(server, given.jobs, given.tables)


def measured(server: servers.Server, jobs: int, tables: int) -> None:
    """Back up, restore and compare."""
    environment = {**os.environ, **server.env()}
    login = ["mysql", "--socket", str(server.socket), "--port", str(server.port), "--user", server.user]
    command = [sys.executable, "-m", "dbfleet.cli"]
    common = ["--jobs", str(jobs), "--quiet"]
    with tempfile.TemporaryDirectory(prefix="dbfleet-scale-") as folder:
        dest = os.path.join(folder, "many")
        backup = [*command, "backup", *login, "--database", SOURCE, "--dest", dest, "--format", "directory"]
        restore = [*command, "restore", *login, "--source", dest, "--database", TARGET, "--create", "--json"]
        for name, verb in (("backup", [*backup, *common]), ("restore", [*restore, "--verify", "digest", *common])):
            began = time.monotonic()
            found, output = peaks(verb, environment)
            sys.stdout.write(f"{name}: {time.monotonic() - began:.0f} s\n")
            say(found, LIMIT)
    checks = json.loads(output)["restore"]["checks"]
    sys.stdout.write(f"compared: {checks['compared']}\n")
    if checks["compared"]["digest"] != tables:
        sys.exit(f"error: {tables} tables were to be compared")


if __name__ == "__main__":
    main()
