# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads of MySQL and MariaDB: scripts and folders, over one and two connections, against the client and myloader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import SOURCE, TARGET, Cell, _fresh_target, _ours, _remove, _theirs
from .measure import Command


def mysql_restore_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """What each side has dumped itself, loaded again; the client always over its one connection."""
    flavor = server.flavor
    dump, client = ("mariadb-dump", "mariadb") if flavor == "mariadb" else ("mysqldump", "mysql")
    script = folder / f"load-{flavor}.sql"
    backup, dumped = folder / f"load-ours-{flavor}", folder / f"load-mydumper-{flavor}"
    gtid = ["--set-gtid-purged=OFF"] if flavor == "mysql" else []
    scripts = Cell(
        f"{flavor} inputs of loads (script)",
        _ours(server, "backup", "--database", SOURCE, "--dest", f"{script}.ours", "--compress", "none"),
        _theirs(dump, server, "--single-transaction", *gtid, f"--result-file={script}", SOURCE),
        lambda: None,
        (Path(f"{script}.ours"), script),
    )
    folders = Cell(
        f"{flavor} inputs of loads (folder)",
        _ours(
            server, "backup", "--database", SOURCE, "--format", "directory", "--jobs", "2", "--dest", str(backup),
            "--compress", "none",
        ),
        _theirs("mydumper", server, "--database", SOURCE, "--outputdir", str(dumped), "--rows", "100000"),
        lambda: _remove((backup, dumped)),
        (backup, dumped),
    )  # fmt: skip

    def restoring(source: Path, *options: str) -> Command:
        return _ours(server, "restore", "--source", str(source), "--database", TARGET, *options)

    by_client = _theirs(client, server, TARGET, input_path=script)

    def by_myloader(threads: int) -> Command:
        options = ["--directory", str(dumped), "--database", TARGET, "--threads", str(threads), "--enable-binlog"]
        return _theirs("myloader", server, *options)

    for name, our_source, options, other, inputs in (
        ("their script jobs 1 / client", script, (), by_client, scripts),
        ("their script jobs 2 / client", script, ("--jobs", "2"), by_client, scripts),
        ("our folder jobs 1 / client", backup, (), by_client, folders),
        ("our folder jobs 2 / client", backup, ("--jobs", "2"), by_client, folders),
        ("their folder jobs 2 / myloader 2", dumped, ("--jobs", "2"), by_myloader(2), folders),
        ("our folder jobs 2 / myloader 2", backup, ("--jobs", "2"), by_myloader(2), folders),
        ("our folder jobs 4 / myloader 4", backup, ("--jobs", "4"), by_myloader(4), folders),
    ):
        yield Cell(
            f"{flavor} load {name}",
            restoring(our_source, *options),
            other,
            lambda: _fresh_target(server),
            inputs=inputs,
        )
