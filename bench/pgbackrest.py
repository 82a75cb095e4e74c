# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Physical backups of PostgreSQL against pgBackRest.

pgBackRest reads the data folder itself, so it has to run on the server's host, where it can use several processes.
What is compared is a full backup; ours holds its WAL too, which pgBackRest leaves to its archive.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import servers
from tests.servers.install import install, program_environment
from tests.servers.registry import PGBACKREST

from .cells import DBFLEET, Cell, _remove
from .measure import Command

#: pgBackRest's options for each of our compressions.
METHODS = {
    "none": ("--compress-type=none",),
    "gzip:6": ("--compress-type=gz", "--compress-level=6"),
    "zstd:3": ("--compress-type=zst", "--compress-level=3"),
}
PROCESSES = (1, 2)
_PROGRAM = "usr/bin/pgbackrest"


def pgbackrest_cells(server: servers.Server, folder: Path, *, only: str) -> Iterator[Cell]:
    """A full backup with each compression, by one and by two processes of theirs."""
    for method, theirs in METHODS.items():
        for processes in PROCESSES:
            name = f"postgresql pgbackrest {method} processes {processes}"
            # The program is fetched only where it is wanted.
            if only in name:
                yield _cell(server, folder, name, method, (*theirs, f"--process-max={processes}"))


def _cell(server: servers.Server, folder: Path, name: str, method: str, options: tuple[str, ...]) -> Cell:
    repository, target = folder / "ours-pgbackrest", folder / "theirs-pgbackrest"
    build = install(PGBACKREST)
    environment = program_environment(PGBACKREST, build) | {"PGDATABASE": "postgres"} | dict(server.env())
    common = [
        str(build / _PROGRAM),
        "--stanza=bench",
        "--config=/dev/null",
        f"--pg1-path={server.data_dir}",
        f"--pg1-socket-path={server.socket}",
        f"--pg1-port={server.port}",
        f"--pg1-user={server.user}",
        f"--repo1-path={target}",
        f"--lock-path={target}",
        "--log-level-console=error",
        "--log-level-file=off",
    ]
    login = ["--host", server.socket, "--port", str(server.port), "--user", server.user]
    place = ["--repository", str(repository), "--cluster", "bench", "--checkpoint", "fast", "--quiet"]

    def prepare() -> None:
        _remove((repository, target))
        target.mkdir()
        subprocess.run([*common, "stanza-create"], env=environment, check=True, stdout=subprocess.DEVNULL)

    return Cell(
        name,
        Command([DBFLEET, "wal", "basebackup", *login, *place, "--compress", method], {**os.environ, **server.env()}),
        Command([*common, *options, "--type=full", "--start-fast", "--no-archive-check", "backup"], environment),
        prepare,
        (repository, target),
    )
