# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: the same work by this engine and by the vendor's tool, on the same server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests import servers

from .measure import Command

DBFLEET = str(Path(sys.executable).parent / "dbfleet")
#: Databases: one of all kinds of data, and one of each kind.
SOURCE = "bench"
NARROW = "narrow_rows"
WIDE = "wide_rows"
LARGE_OBJECTS = "large_objects"
MANY_TABLES = "many_tables"
TARGET = "bench_restored"


@dataclass(frozen=True)
class Cell:
    """One comparison.

    :param prepare: called before every run of either side.
    :param outputs: the files of ours and theirs, whose sizes are compared; empty for restores.
    :param inputs: the cell whose outputs this one reads.
    :param database: what it reads; see :mod:`bench.data`. Empty where it reads something else.
    """

    name: str
    ours: Command
    theirs: Command
    prepare: Callable[[], None]
    outputs: tuple[Path, ...] = ()
    inputs: Cell | None = None
    database: str = SOURCE


# Digests by OpenSSL, as this engine's own are: the program of the core utilities may take five times as long.
_SEAL = """
set -euo pipefail
made=$1
shift
"$@"
if [ -d "$made" ]; then
    cd "$made"
    find . -type f ! -name SHA256SUMS -exec openssl dgst -sha256 -r {} + > SHA256SUMS
    find . -exec sync {} +
else
    openssl dgst -sha256 -r "$made" > "$made.sha256"
    sync "$made" "$made.sha256"
fi
"""


def sealed(command: Command, made: Path) -> Command:
    """The command, and what a backup of this engine has beside its bytes: digests written down, all on the disk."""
    return Command(["bash", "-c", _SEAL, "sealed", str(made), *command.argv], command.environment, command.input_path)


_CHECK = """
set -euo pipefail
find "$1" -type f -exec openssl dgst -sha256 -r {} + > /dev/null
shift
exec "$@"
"""


def checked(command: Command, made: Path) -> Command:
    """The command, after what a restore of this engine does first: the digests of all that is to be restored."""
    return Command(["bash", "-c", _CHECK, "checked", str(made), *command.argv], command.environment, command.input_path)


def with_same_work(cell: Cell) -> Cell:
    """The cell with the vendor's side doing for safety what this engine does; itself where that is nothing more."""
    if cell.outputs:
        return replace(cell, name=f"{cell.name} sealed", theirs=sealed(cell.theirs, cell.outputs[1]))
    if cell.inputs is not None:
        return replace(cell, name=f"{cell.name} checked", theirs=checked(cell.theirs, cell.inputs.outputs[1]))
    return cell


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _ours(server: servers.Server, verb: str, *arguments: str) -> Command:
    world = "postgresql" if server.dbms == "postgresql" else "mysql"
    where = ["--socket" if world == "mysql" else "--host", str(server.socket)]
    login = [*where, "--port", str(server.port), "--user", server.user]
    return Command([DBFLEET, verb, world, *login, "--quiet", *arguments], {**os.environ, **server.env()})


def _theirs(program: str, server: servers.Server, *arguments: str, input_path: Path | None = None) -> Command:
    tool = servers.client(program, version=server.version[0] if server.dbms == "postgresql" else None)
    return Command(tool.argv(server, *arguments), tool.environment(server), input_path)


def _fresh_target(server: servers.Server) -> None:
    connection = server.connect()
    cursor = connection.cursor()
    cursor.execute(f"DROP DATABASE IF EXISTS {TARGET}")
    cursor.execute(f"CREATE DATABASE {TARGET}")
    connection.close()


def postgresql_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """Backups with each compression, each restored from its own side's file."""
    for compress, flag in (("none", "none"), ("gzip", "gzip:6"), ("zstd:3", "zstd:3")):
        label = compress.partition(":")[0]
        ours, theirs = folder / f"ours-{label}.dump", folder / f"theirs-{label}.dump"
        dump = Cell(
            f"postgresql dump custom {label}",
            _ours(server, "backup", "--database", SOURCE, "--dest", str(ours), "--compress", compress),
            _theirs("pg_dump", server, "-Fc", f"--compress={flag}", "--file", str(theirs), SOURCE),
            lambda paths=(ours, Path(f"{ours}.manifest.json"), theirs): _remove(paths),  # type: ignore[misc]
            (ours, theirs),
        )
        yield dump
        yield Cell(
            f"postgresql restore custom {label}",
            _ours(server, "restore", "--source", str(ours), "--database", TARGET),
            _theirs("pg_restore", server, "--exit-on-error", "--dbname", TARGET, str(theirs)),
            lambda: _fresh_target(server),
            inputs=dump,
        )

    yield from _other_backups(server, folder)


def _other_backups(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """The directory with 1, 2 and 4 jobs, the plain script, and databases of one kind of data each."""
    for jobs in (1, 2, 4):
        for compress in ("gzip:6", "none"):
            yield _backup(server, folder, SOURCE, "directory", compress, "--jobs", str(jobs))
    for compress in ("none", "gzip:6"):
        yield _backup(server, folder, SOURCE, "plain", compress)
    yield _backup(server, folder, SOURCE, "plain", "none", "--inserts")
    for database in (NARROW, WIDE, LARGE_OBJECTS):
        for compress in ("none", "gzip:6"):
            yield _backup(server, folder, database, "custom", compress)
    yield _backup(server, folder, MANY_TABLES, "custom", "gzip:6")
    for jobs in (1, 4):
        yield _backup(server, folder, MANY_TABLES, "directory", "gzip:6", "--jobs", str(jobs))


def _backup(server: servers.Server, folder: Path, database: str, form: str, compress: str, *options: str) -> Cell:
    """The same options for both sides."""
    what = "" if database == SOURCE else f"{database} "
    name = " ".join([f"{what}{form} {compress.partition(':')[0]}", *options]).replace("--", "")
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


def mysql_cells(server: servers.Server, folder: Path) -> Iterator[Cell]:
    """A plain backup and its load, against the dump tool and the client of the server's own family."""
    dump, client = ("mariadb-dump", "mariadb") if server.flavor == "mariadb" else ("mysqldump", "mysql")
    ours, theirs = folder / f"ours-{server.flavor}.sql", folder / f"theirs-{server.flavor}.sql"
    flags = ["--single-transaction", "--routines", "--events", "--hex-blob", f"--result-file={theirs}"]
    if server.flavor == "mysql":
        flags.append("--set-gtid-purged=OFF")
    dumped = Cell(
        f"{server.flavor} dump plain",
        _ours(server, "backup", "--database", SOURCE, "--dest", str(ours), "--compress", "none"),
        _theirs(dump, server, *flags, SOURCE),
        lambda: _remove((ours, Path(f"{ours}.manifest.json"), theirs)),
        (ours, theirs),
    )
    yield dumped
    yield Cell(
        f"{server.flavor} load plain",
        _ours(server, "restore", "--source", str(ours), "--database", TARGET),
        _theirs(client, server, TARGET, input_path=theirs),
        lambda: _fresh_target(server),
        inputs=dumped,
    )
