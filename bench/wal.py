# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Physical backups of PostgreSQL against pg_basebackup: the same server, with the WAL streamed beside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import DBFLEET, Cell, _remove
from .measure import Command

#: pg_basebackup's word for each: it has no gzip of the speed that ours uses by default.
METHODS = {"none": "none", "gzip:1": "client-gzip:1", "gzip:6": "client-gzip:6", "zstd:3": "client-zstd:3"}


def base_backup_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """Both verify what they send by SHA-256, and both leave the manifest with that."""
    for method, theirs in METHODS.items():
        yield _cell(server, folder, f"base backup {method}", ("--compress", method), (f"--compress={theirs}",))
    yield _cell(
        server,
        folder,
        "base backup zstd:3 by the server",
        ("--compress", "zstd:3", "--server-compression"),
        ("--compress=server-zstd:3",),
    )


def _cell(server: servers.Server, folder: Path, name: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> Cell:
    repository, target = folder / "ours-physical", folder / "theirs-physical"
    login = ["--host", server.socket, "--port", str(server.port)]
    environment = {**os.environ, **server.env()}
    place = ["--repository", str(repository), "--cluster", "bench"]
    command = [DBFLEET, "wal", "basebackup", *login, "--user", server.user, *place, "--checkpoint", "fast", "--quiet"]
    program = server._layout.build / "bin/pg_basebackup"
    genuine = [str(program), *login, "--username", server.user, "--format=tar", "--wal-method=stream"]
    genuine += ["--checkpoint=fast", "--manifest-checksums=SHA256", f"--pgdata={target}"]
    return Cell(
        f"postgresql {name}",
        Command([*command, *ours], environment),
        Command([*genuine, *theirs], environment),
        lambda: _remove((repository, target)),
        (repository, target),
    )
