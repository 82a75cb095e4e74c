# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the targets of ``ansible-test integration`` on real servers, which are started for them and end with them.

Usage: ``python -m tools.integration_targets [ARGUMENT…]``; arguments go to ansible-test (``native_backup``,
``--venv``). Without one every target runs with the Python of this environment, which has the drivers.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests import servers
from tests.servers.instance import Server
from tests.servers.paths import cache_dir
from tools.collection_tree import exported_collection, tool_environment
from tools.sanity import prepare_home

SERVERS = {"postgresql": "pg18", "mariadb": "mariadb118"}
CONTENT = {
    "postgresql": "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS note FROM generate_series(1, 1000) AS n",
    "mariadb": "CREATE TABLE orders AS SELECT seq AS id, md5(seq) AS note FROM seq_1_to_1000",
}


def fill(dbms: str, server: Server) -> dict[str, object]:
    """Give ``server`` the database that the targets back up; how the targets reach the server."""
    server.execute("CREATE DATABASE shop")
    server.execute(CONTENT[dbms], database="shop")
    return {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "login_user": server.user,
        "login_password": server.password,
    }


def main(arguments: list[str]) -> int:
    """Start the servers, run ansible-test and return its exit code."""
    home = cache_dir() / "ansible-test"
    prepare_home(home)
    where = [] if {"--venv", "--local"} & set(arguments) else ["--local"]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with exported_collection() as root, contextlib.ExitStack() as stack:
        logins = {dbms: fill(dbms, stack.enter_context(servers.start(name))) for dbms, name in SERVERS.items()}
        variables = {"servers": logins}
        # JSON is YAML; the file goes with the export.
        Path(root, "tests", "integration", "integration_config.yml").write_text(json.dumps(variables))
        environment = {**tool_environment(root), "HOME": str(home), "LC_ALL": "C.UTF-8"}
        environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), environment["PATH"]))
        command = ["ansible-test", "integration", "--python", version, *where, *arguments]
        return subprocess.run(command, cwd=root, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
