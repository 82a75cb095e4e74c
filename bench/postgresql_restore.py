# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of PostgreSQL by several processes against pg_restore with as many, and scripts against psql."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests import servers

from .cells import SOURCE, TARGET, Cell, _fresh_target, _ours, _remove, _theirs

JOBS = (1, 2, 4)


def postgresql_restore_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """Each side restores the file that it has written itself."""
    for form, compress in (("custom", "gzip:6"), ("directory", "gzip:6"), ("directory", "none")):
        made = _made(server, folder, form, compress)
        ours, theirs = made.outputs
        for jobs in JOBS if form == "directory" else JOBS[1:]:
            more = ("--jobs", str(jobs)) if jobs > 1 else ()
            yield Cell(
                f"postgresql restore {form} {compress.partition(':')[0]} jobs {jobs}",
                _ours(server, "restore", "--source", str(ours), "--database", TARGET, *more),
                _theirs("pg_restore", server, "--exit-on-error", *more, "--dbname", TARGET, str(theirs)),
                lambda: _fresh_target(server),
                inputs=made,
            )
    script = _made(server, folder, "plain", "none")
    ours, theirs = script.outputs
    yield Cell(
        "postgresql restore plain none",
        _ours(server, "restore", "--source", str(ours), "--database", TARGET),
        _theirs("psql", server, "-Xq", "-v", "ON_ERROR_STOP=1", "--dbname", TARGET, "--file", str(theirs)),
        lambda: _fresh_target(server),
        inputs=script,
    )


def _made(server: servers.Server, folder: Path, form: str, compress: str) -> Cell:
    """What makes the files that are restored."""
    label = f"{form}-{compress.partition(':')[0]}-for-restore"
    ours, theirs = folder / f"ours-{label}", folder / f"theirs-{label}"
    where = ["--dest", str(ours), "--compress", compress]
    return Cell(
        f"postgresql dump {label}",
        _ours(server, "backup", "--database", SOURCE, "--format", form, *where),
        _theirs("pg_dump", server, f"-F{form[0]}", f"--compress={compress}", "--file", str(theirs), SOURCE),
        lambda: _remove((ours, Path(f"{ours}.manifest.json"), theirs)),
        (ours, theirs),
    )
