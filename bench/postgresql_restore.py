# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of PostgreSQL archives by one and by several processes against pg_restore, and of scripts against psql."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import LARGE_OBJECTS, MANY_TABLES, SOURCE, TARGET, Cell, _fresh_target, _ours, _remove, _theirs

JOBS = (1, 2, 4)
COMPRESSIONS = ("none", "gzip:6", "zstd:3")


def postgresql_restore_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """Each side restores the file that it has written itself."""
    for form in ("custom", "directory"):
        for compress in COMPRESSIONS:
            made = _made(server, folder, SOURCE, form, compress)
            # One process from custom archives is among the cells of backups.
            for jobs in JOBS if form == "directory" else JOBS[1:]:
                yield _archive(server, made, jobs)
    for more in ((), ("--inserts",)):
        yield _script(server, _made(server, folder, SOURCE, "plain", "none", *more))
    yield _archive(server, _made(server, folder, LARGE_OBJECTS, "custom", "gzip:6"), 1)
    for form in ("custom", "directory"):
        made = _made(server, folder, MANY_TABLES, form, "gzip:6")
        for jobs in (1, 4):
            yield _archive(server, made, jobs)


def _archive(server: servers.Server, made: Cell, jobs: int) -> Cell:
    ours, theirs = made.outputs
    more = ("--jobs", str(jobs)) if jobs > 1 else ()
    return Cell(
        f"postgresql restore {_what(made)} jobs {jobs}",
        _ours(server, "restore", "--source", str(ours), "--database", TARGET, *more),
        _theirs("pg_restore", server, "--exit-on-error", *more, "--dbname", TARGET, str(theirs)),
        lambda: _fresh_target(server),
        inputs=made,
        database=made.database,
    )


def _script(server: servers.Server, made: Cell) -> Cell:
    ours, theirs = made.outputs
    return Cell(
        f"postgresql restore {_what(made)}",
        _ours(server, "restore", "--source", str(ours), "--database", TARGET),
        _theirs("psql", server, "-Xq", "-v", "ON_ERROR_STOP=1", "--dbname", TARGET, "--file", str(theirs)),
        lambda: _fresh_target(server),
        inputs=made,
    )


def _what(made: Cell) -> str:
    return made.name.removeprefix("postgresql dump ").removesuffix(" for restore")


def _made(server: servers.Server, folder: Path, database: str, form: str, compress: str, *options: str) -> Cell:
    """What makes the files that are restored."""
    what = "" if database == SOURCE else f"{database} "
    name = " ".join([f"{what}{form} {compress.partition(':')[0]}", *options, "for restore"]).replace("--", "")
    label = name.replace(" ", "-")
    ours, theirs = folder / f"ours-{label}", folder / f"theirs-{label}"
    where = ["--dest", str(ours), "--compress", compress]
    return Cell(
        f"postgresql dump {name}",
        _ours(server, "backup", "--database", database, "--format", form, *where, *options),
        _theirs("pg_dump", server, f"-F{form[0]}", *options, f"--compress={compress}", "-f", str(theirs), database),
        lambda: _remove((ours, Path(f"{ours}.manifest.json"), theirs)),
        (ours, theirs),
        database=database,
    )
