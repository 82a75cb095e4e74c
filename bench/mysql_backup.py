# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of MySQL and MariaDB, written by one and by two processes, against mydumper and the dump tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import MANY_TABLES, SOURCE, Cell, _ours, _remove, _theirs


def folder_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """The format directory: uncompressed against both tools, compressed against mydumper."""
    dump = "mariadb-dump" if server.flavor == "mariadb" else "mysqldump"
    for jobs in (1, 2, 4):
        name = f"{server.flavor} dump directory none jobs {jobs}"
        ours, theirs = folder / name.replace(" ", "-"), folder / f"theirs-{name.replace(' ', '-')}"
        command = _ours(
            server, "backup", "--database", SOURCE, "--format", "directory", "--dest", str(ours), "--compress", "none",
            "--jobs", str(jobs),
        )  # fmt: skip
        yield Cell(
            f"{name} against mydumper",
            command,
            _theirs("mydumper", server, *_mydumper(theirs, jobs)),
            lambda paths=(ours, Path(f"{ours}.manifest.json"), theirs): _remove(paths),  # type: ignore[misc]
            (ours, theirs),
        )
        yield Cell(
            f"{name} against {dump}",
            command,
            _theirs(dump, server, *_one_stream(server, theirs), SOURCE),
            lambda paths=(ours, Path(f"{ours}.manifest.json"), theirs): _remove(paths),  # type: ignore[misc]
            (ours, theirs),
        )
    name = f"{server.flavor} dump directory gzip jobs 2"
    ours, theirs = folder / name.replace(" ", "-"), folder / f"theirs-{name.replace(' ', '-')}"
    yield Cell(
        f"{name} against mydumper",
        _ours(
            server, "backup", "--database", SOURCE, "--format", "directory", "--dest", str(ours), "--compress", "gzip",
            "--jobs", "2",
        ),
        _theirs("mydumper", server, *_mydumper(theirs, 2), "--compress"),
        lambda: _remove((ours, Path(f"{ours}.manifest.json"), theirs)),
        (ours, theirs),
    )  # fmt: skip
    yield from _many_tables(server, folder, dump)


def _many_tables(server: servers.Server, folder: Path, dump: str) -> Iterator[Cell]:
    """A database of very many small tables, as a script and as a folder."""
    ours, theirs = folder / f"ours-{server.flavor}-many", folder / f"theirs-{server.flavor}-many"
    common = ["backup", "--database", MANY_TABLES, "--dest", str(ours), "--compress", "none"]
    for name, options, other in (
        (f"plain against {dump}", (), _theirs(dump, server, *_one_stream(server, theirs), MANY_TABLES)),
        (
            "directory jobs 2 against mydumper",
            ("--format", "directory", "--jobs", "2"),
            _theirs("mydumper", server, *_mydumper(theirs, 2, MANY_TABLES)),
        ),
    ):
        yield Cell(
            f"{server.flavor} dump many_tables {name}",
            _ours(server, *common, *options),
            other,
            lambda: _remove((ours, Path(f"{ours}.manifest.json"), theirs)),
            (ours, theirs),
            database=MANY_TABLES,
        )


def _mydumper(folder: Path, threads: int, database: str = SOURCE) -> list[str]:
    everything = ["--triggers", "--routines", "--events", "--trx-consistency-only"]
    return [
        "--database",
        database,
        "--outputdir",
        str(folder),
        "--threads",
        str(threads),
        "--rows",
        "100000",
        *everything,
    ]


def _one_stream(server: servers.Server, file: Path) -> list[str]:
    flags = ["--single-transaction", "--routines", "--events", "--hex-blob", f"--result-file={file}"]
    return flags if server.flavor == "mariadb" else [*flags, "--set-gtid-purged=OFF"]
