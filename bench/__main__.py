# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""This engine against the vendors' tools: the same data, the same server, runs in turn, ratios of medians.

``python -m bench [--runs N] [--scale X] [--only WORD] [--sealed] [--json FILE]``. A ratio below 1 means that this
engine needs less. Absolute figures belong to the machine and the day; only the ratios are worth quoting.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dbfleet.measured import Cost
from tests import servers
from tests.integration.repository.stores import BUCKET, KEY, SECRET, running_store

from .cells import Cell, mysql_cells, postgresql_cells, with_same_work
from .data import fill
from .measure import median, run
from .mysql_backup import folder_cells
from .mysql_binlog import binlog_cells
from .mysql_restore import mysql_restore_cells
from .pgbackrest import pgbackrest_cells
from .postgresql_restore import postgresql_restore_cells
from .repository import checksum_cells, encryption_cells, upload_cells
from .wal import base_backup_cells
from .wal_archive import wal_archive_cells

SERVERS = {"postgresql": "pg16", "mysql": "mysql97", "mariadb": "mariadb1011"}
#: A dump locks every table, and there is a database of very many.
SETTINGS = {"postgresql": {"max_locks_per_transaction": "1000"}}
HEADINGS = ("cell", "wall s", "theirs", "ratio", "cpu s", "theirs", "ratio", "peak MB", "theirs", "size ratio")


def measure_cell(cell: Cell, runs: int) -> dict[str, Any]:
    """Run both sides in turn, once to warm up and then ``runs`` times, and compare the medians."""
    ours: list[Cost] = []
    theirs: list[Cost] = []
    if cell.inputs is not None and not all(path.exists() for path in cell.inputs.outputs):
        run(cell.inputs.ours)
        run(cell.inputs.theirs)
    for number in range(runs + 1):
        cell.prepare()
        first = run(cell.ours)
        if not cell.outputs:
            cell.prepare()
        second = run(cell.theirs)
        if number:
            ours.append(first)
            theirs.append(second)
    mine, other = median(ours), median(theirs)
    sizes = [_size(path) for path in cell.outputs]
    return {
        "cell": cell.name,
        "ours": vars(mine),
        "theirs": vars(other),
        "wall_ratio": mine.wall / other.wall,
        "cpu_ratio": mine.cpu / other.cpu,
        "size_ratio": sizes[0] / sizes[1] if sizes else None,
        "ours_wall_range": [min(one.wall for one in ours), max(one.wall for one in ours)],
        "theirs_wall_range": [min(one.wall for one in theirs), max(one.wall for one in theirs)],
    }


def _size(path: Path) -> int:
    """Of a file, or of all files in a folder."""
    return sum(one.stat().st_size for one in (path.rglob("*") if path.is_dir() else (path,)) if one.is_file())


def cells(only: str, scale: float, folder: Path) -> Iterator[Cell]:
    for kind, name in SERVERS.items():
        makers = [mysql_cells, folder_cells, mysql_restore_cells]
        if kind == "postgresql":
            makers = [postgresql_cells, postgresql_restore_cells, encryption_cells, base_backup_cells]
        with servers.start(name, extra_config=SETTINGS.get(kind, ())) as server:
            filled: set[str] = set()
            found = [make(server, folder) for make in makers]
            if kind != "postgresql":
                found.append(binlog_cells(server, folder, scale=scale, only=only))
            else:
                found.append(pgbackrest_cells(server, folder, only=only))
                found.append(wal_archive_cells(server, folder, scale=scale, only=only))
            for cell in itertools.chain.from_iterable(found):
                if only in cell.name:
                    if cell.database and cell.database not in filled:
                        fill(server, cell.database, scale=scale)
                        filled.add(cell.database)
                    yield cell


def cells_without_server(only: str, folder: Path) -> Iterator[Cell]:
    """Those that need no database."""
    if only in "checksums":
        yield from checksum_cells(folder)
    if only not in "upload":
        return
    with running_store("seaweedfs", folder) as store:
        credentials = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        yield from upload_cells(store.endpoint, BUCKET, credentials, folder)


def row(result: dict[str, Any]) -> tuple[str, ...]:
    ours, theirs = result["ours"], result["theirs"]
    size = result["size_ratio"]
    return (
        result["cell"],
        f"{ours['wall']:.2f}",
        f"{theirs['wall']:.2f}",
        f"{result['wall_ratio']:.2f}",
        f"{ours['cpu']:.2f}",
        f"{theirs['cpu']:.2f}",
        f"{result['cpu_ratio']:.2f}",
        f"{ours['memory'] / 1e6:.0f}",
        f"{theirs['memory'] / 1e6:.0f}",
        "" if size is None else f"{size:.2f}",
    )


def print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[column]) for line in [HEADINGS, *rows]) for column in range(len(HEADINGS))]
    for line in [HEADINGS, *rows]:
        figures = [text.rjust(width) for text, width in zip(line[1:], widths[1:])]
        print(line[0].ljust(widths[0]), *figures)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each side (default 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much data, 1 is about 200 MB (default 1)")
    parser.add_argument("--only", default="", help="only the cells whose name holds this")
    parser.add_argument(
        "--sealed",
        action="store_true",
        help="let their side do what ours does for safety: a backup is digested and synced, a restore digests it first",
    )
    parser.add_argument("--json", type=Path, help="write every figure there")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="dbfleet-bench-") as folder:
        # As an installed program has it: compiled once, not at every start.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = os.path.join(folder, "bytecode")
        found = cells(arguments.only, arguments.scale, Path(folder))
        for cell in itertools.chain(cells_without_server(arguments.only, Path(folder)), found):
            if arguments.sealed:
                cell = with_same_work(cell)
            print(f"measuring {cell.name} ...", flush=True)
            result = measure_cell(cell, arguments.runs)
            results.append(result)
            # A run that is ended before its table has something to show for it.
            print(
                f"  wall {result['wall_ratio']:.2f}, CPU {result['cpu_ratio']:.2f} of theirs, "
                f"{result['ours']['memory'] / 1e6:.0f} MB",
                flush=True,
            )
    print_table([row(result) for result in results])
    if arguments.json:
        machine = {"processors": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        arguments.json.write_text(json.dumps({"machine": machine, "cells": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
