# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long questions to a very large repository take: ``python -m bench.catalogue_scale [--hosts N] [--backups N]``.

A repository of that many generated backups, on a local disk and behind a server of object storage (rclone on the same
disk): the newest good backup of one database, the plan of retention and the list of everything; the latter two once
without the copies of the manifests' heads that a prune keeps, and once with them. There is no other tool to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dbfleet.repository.repository import Repository
from tests.integration.repository.stores import ACCESS, BUCKET, KEY, SECRET, free_ports
from tests.unit.repository.stored import UTC, store_backup

from .measure import Command, run

_NEWEST = datetime.datetime(2026, 11, 22, 3, tzinfo=UTC)
_PREFIX = "scale"


def generate(root: Path, hosts: int, backups: int) -> None:
    """Nightly backups of one database of every host."""
    for host in range(hosts):
        for day in range(backups // hosts):
            store_backup(root, _NEWEST - datetime.timedelta(days=day), cluster=f"db{host}-5432")


def questions(location: str) -> Iterator[tuple[str, list[str]]]:
    """What is asked, as arguments of the command."""
    yield "newest", ["hold", location, "--cluster", "db7-5432", "--database", "shop", "--check"]
    yield "plan", ["prune", location, "--keep-daily", "7", "--keep-weekly", "4", "--check", "--quiet"]
    yield "list", ["info", location]


def ask(storage: str, location: str, copies: str) -> None:
    for name, words in questions(location):
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        found = run(Command([sys.executable, "-m", "dbfleet.cli", *words], environment))
        figures = {"wall": round(found.wall, 2), "cpu": round(found.cpu, 2), "peak_mb": round(found.memory / 1e6)}
        print(json.dumps({"storage": storage, "copies": copies, "question": name, **figures}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--backups", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = folder / BUCKET / _PREFIX
        generate(root, given.hosts, given.backups)
        with serving(folder) as endpoint:
            url = f"s3://{BUCKET}/{_PREFIX}?endpoint={endpoint}"
            places = (("local", str(root)), ("object storage", url))
            for storage, location in places:
                ask(storage, location, "without")
            for storage, location in places:
                repository = Repository(location, ACCESS)
                for database in repository.database_folders():
                    repository.catalogue(database).refresh()
                ask(storage, location, "with")


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a server of object storage whose buckets are the folders in ``folder``."""
    (port,) = free_ports(1)
    program = Path(sys.executable).parent / "rclone"
    words = ["serve", "s3", "--auth-key", f"{KEY},{SECRET}", "--addr", f"127.0.0.1:{port}", "--config", "/dev/null"]
    server = subprocess.Popen([program, *words, folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _attempt in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
