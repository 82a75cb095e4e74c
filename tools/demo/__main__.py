# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on a fresh machine, for ``make demo``.

Starts a PostgreSQL and a MariaDB, fills each with a shop, installs the collection as a user would, runs
``playbooks/demo.yml`` and proves by plain SQL that what was restored equals what was backed up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

from tests import servers
from tools.collection_tree import CHECKOUT, exported_collection, tool_environment
from tools.demo.compare import Digests, mariadb_digests, postgresql_digests

SAMPLES = Path(__file__).parent


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


def run(*command: str | Path, environment: dict[str, str], cwd: Path) -> None:
    """Run a program that prints to our own output; end the demo if it fails."""
    done = subprocess.run([str(word) for word in command], env=environment, cwd=cwd, check=False)
    if done.returncode:
        sys.exit(f"error: {command[0]} ended with code {done.returncode}")


def install_collection(folder: Path) -> dict[str, str]:
    """Build the tarball and install it below ``folder``; the environment in which Ansible sees only that."""
    collections = folder / "collections"
    galaxy = ["ansible-galaxy", "collection"]
    with exported_collection() as root:
        environment = {**tool_environment(root), "ANSIBLE_COLLECTIONS_PATH": str(collections)}
        run(*galaxy, "build", "--output-path", folder, root, environment=environment, cwd=folder)
    (tarball,) = folder.glob("*.tar.gz")
    run(*galaxy, "install", "--offline", "-p", collections, tarball, environment=environment, cwd=folder)
    return environment


def fill(server: servers.Server, sample: str, program: str) -> None:
    """Create the database ``shop`` and run a sample script in it with the vendor's own client."""
    connection = server.connect()
    if server.dbms == "postgresql":
        connection.execute("CREATE DATABASE shop ENCODING 'UTF8' TEMPLATE template0")
        arguments = ["--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", "shop"]
    else:
        connection.cursor().execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
        arguments = ["--default-character-set=utf8mb4", "shop"]
    connection.close()
    servers.client(program).run(server, *arguments, input=(SAMPLES / sample).read_bytes())


def login(server: servers.Server) -> dict[str, Any]:
    return {"host": server.host, "port": server.port, "user": server.user, "password": server.password}


def prove(server: servers.Server, digests: Callable[[servers.Server, str], Digests]) -> None:
    """Compare ``shop`` with ``shop_restored`` and show it; end the demo if anything differs."""
    source, restored = digests(server, "shop"), digests(server, "shop_restored")
    for name in sorted(set(source) | set(restored)):
        verdict = "equal" if source.get(name) == restored.get(name) else "DIFFERENT"
        rows = source.get(name, (0, ""))[0]
        print(f"   {verdict}  {rows:>8} rows  {server.name}: {name!r}")
    if source != restored:
        sys.exit(f"error: the restored database on {server.name} differs from its source")


def main() -> None:
    began = time.monotonic()
    # Kept for the user to look at, so it is no temporary folder that goes away.
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-demo-"))
    repository = folder / "repository"
    with ExitStack() as stack:
        say("Starting a PostgreSQL and a MariaDB (downloaded on the first run)")
        postgresql = stack.enter_context(servers.start("pg16"))
        mariadb = stack.enter_context(servers.start("mariadb1011"))
        say("Filling each with a shop of a few hundred thousand rows")
        fill(postgresql, "postgresql.sql", "psql")
        fill(mariadb, "mariadb.sql", "mariadb")
        say("Building the collection and installing its tarball")
        environment = install_collection(folder)
        variables = folder / "variables.json"
        variables.touch(mode=0o600)
        connections = {"demo_postgresql": login(postgresql), "demo_mariadb": login(mariadb)}
        variables.write_text(json.dumps({"demo_repository": str(repository), **connections}))
        say("Running playbooks/demo.yml")
        inventory = f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        (folder / "inventory").write_text(inventory)
        run(
            "ansible-playbook", "-i", folder / "inventory", "-e", f"@{variables}", "dbfleet.backup.demo",
            environment=environment, cwd=folder,
        )  # fmt: skip
        say("Proving by plain SQL that the restored databases equal their sources")
        prove(postgresql, postgresql_digests)
        prove(mariadb, mariadb_digests)
        variables.unlink()
        say("The servers are being stopped; the backups stay")
    command = os.path.relpath(Path(sys.executable).parent / "dbfleet", CHECKOUT)
    print(f"   look at them: {command} info {repository}")
    print(f"   remove them:  rm -r {folder}")
    print(f"   the demo took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
