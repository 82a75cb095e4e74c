# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streaming a server's WAL into an archive against pg_receivewal: the same log, from a new slot each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import DBFLEET, Cell, _remove
from .measure import Command

#: How many rows of about a kilobyte are written, at scale 1.
ROWS = 400_000
#: pg_receivewal's word for each; it knows gzip, and no zstd. Each side syncs what it says it has.
METHODS = {"none": "none", "gzip:1": "gzip:1", "gzip:6": "gzip:6"}
_SLOTS = ("bench_ours", "bench_theirs")


def wal_archive_cells(server: servers.Server, folder: Path, *, scale: float, only: str) -> Iterator[Cell]:
    """Both receive the whole log of one large load."""
    if not any(only in f"postgresql stream WAL {method}" for method in METHODS):
        # A server of its own is started, and its log written, only when they are asked for.
        return
    # A new slot begins at the last checkpoint, so there must be none behind the load.
    settings = {"wal_keep_size": "40000", "max_wal_size": "40GB", "checkpoint_timeout": "1d", "fsync": "on"}
    with servers.start(server.name, extra_config=settings) as source:
        rows = int(ROWS * scale)
        made = f"SELECT n, repeat(md5(n::text), 30) AS t FROM generate_series(1, {rows}) n"
        source.execute(f"CREATE TABLE load AS {made}")
        # Theirs ends behind a place that it has passed, ours where the server's log ends.
        ((end,),) = source.execute("SELECT pg_current_wal_flush_lsn()::text")
        source.execute("SELECT pg_switch_wal()")
        for ours, theirs in METHODS.items():
            yield _cell(source, folder, str(end), ours, theirs)


def _cell(source: servers.Server, folder: Path, end: str, ours: str, theirs: str) -> Cell:
    repository, target = folder / "ours-wal", folder / "theirs-wal"
    login = ["--host", source.socket, "--port", str(source.port)]
    environment = {**os.environ, **source.env()}
    place = ["--repository", str(repository), "--cluster", "bench", "--slot", _SLOTS[0], "--compress", ours]
    program = source._layout.build / "bin/pg_receivewal"
    genuine = [str(program), *login, "--username", source.user, "--no-loop", f"--endpos={end}", f"--slot={_SLOTS[1]}"]

    def prepare() -> None:
        _remove((repository, target))
        target.mkdir()
        for slot in _SLOTS:
            source.execute(
                f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{slot}'"
            )
            source.execute(f"SELECT pg_create_physical_replication_slot('{slot}', true)")

    return Cell(
        f"postgresql stream WAL {ours}",
        Command([DBFLEET, "wal", "archive", *login, "--user", source.user, *place, "--quiet"], environment),
        Command([*genuine, f"--directory={target}", f"--compress={theirs}"], environment),
        prepare,
        (repository, target),
        database="",
    )
