# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Both engines side by side on the user's own database: the same work in turn, and what it cost each.

The database is only read. Backups go into a private folder; a restore, where one is asked for, goes into a database of
its own. Both are removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import shutil
import statistics
import typing as t

from .backup import BackupRequest, Destination, backup
from .errors import DbfleetError, UsageError
from .lazy_dataclass import dataclass
from .measured import Cost, measured
from .mysql.options import BackupOptions as MysqlBackupOptions
from .mysql.options import RestoreOptions as MysqlRestoreOptions
from .postgresql.options import BackupOptions, RestoreOptions
from .progress import Progress
from .restore import Origin, RestoreRequest, restore
from .tools.engine import NATIVE, NATIVE_ENGINE, TOOLS, Engine
from .tools.scratch import ScratchFolder

SCRATCH_PREFIX = "dbfleet_benchmark_"
BACKUP, RESTORE = "backup", "restore"


@dataclass(frozen=True)
class BenchmarkRequest:
    """What to measure.

    :param options: the database, and how it is backed up by both.
    :param engine: where the vendor's programs are, and where backups go meanwhile.
    :param runs: how often each does it.
    :param restores: restore each backup too, into a scratch database of the same server.
    """

    options: BackupOptions | MysqlBackupOptions
    engine: Engine
    runs: int = 3
    restores: bool = False


@dataclass(frozen=True)
class Measurement:
    """One engine at one job.

    :param program: which program did it, with its version; empty for the native engine.
    :param size: of the backup, in bytes.
    :param costs: of every run, in order.
    """

    engine: str
    job: str
    program: str
    size: int
    costs: tuple[Cost, ...]

    def to_dict(self) -> dict[str, t.Any]:
        figures: dict[str, t.Any] = {}
        for name in ("wall", "cpu", "memory"):
            values = [getattr(cost, name) for cost in self.costs]
            figures[name] = {"median": statistics.median(values), "least": min(values), "most": max(values)}
        own = {name: getattr(self, name) for name in ("engine", "job", "program", "size")}
        return {**own, "runs": len(self.costs), **figures}


@dataclass(frozen=True)
class BenchmarkResult:
    """What both cost."""

    database: str
    measurements: tuple[Measurement, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "changed": False,
            "database": self.database,
            "measurements": [one.to_dict() for one in self.measurements],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class _Made:
    """What a measured process says of its work."""

    path: str
    size: int
    program: str
    warnings: tuple[str, ...]


def benchmark(request: BenchmarkRequest, progress: Progress) -> BenchmarkResult:
    """Measure both engines in turn.

    :raises DbfleetError: one of them failed; everything is removed.
    """
    engines = (NATIVE_ENGINE, dataclasses.replace(request.engine, name=TOOLS, exact=False))
    costs: dict[tuple[str, str], list[Cost]] = {}
    made: dict[str, _Made] = {}
    scratch = ScratchFolder(request.engine.scratch_folder)
    try:
        for number in range(1, request.runs + 1):
            for engine in engines:
                progress.phase(f"run {number} of {request.runs}: engine {engine.name}")
                folder = scratch.new_name(engine.name)
                made[engine.name], cost = measured(lambda one=engine, place=folder: _back_up(request, one, place))  # type: ignore[misc]
                costs.setdefault((engine.name, BACKUP), []).append(cost)
                if number == 1:
                    scratch.check_space(2 * made[engine.name].size)
                if request.restores:
                    path = made[engine.name].path
                    costs.setdefault((engine.name, RESTORE), []).append(_restore(request, engine, path, progress))
                shutil.rmtree(folder)
    finally:
        scratch.remove()
        progress.finish()
    for engine in engines:
        for warning in made[engine.name].warnings:
            progress.warn(f"{engine.name}: {warning}")
    jobs = (BACKUP, RESTORE) if request.restores else (BACKUP,)
    return BenchmarkResult(
        request.options.database,
        tuple(
            Measurement(name, job, made[name].program, made[name].size, tuple(costs[name, job]))
            for job in jobs
            for name in (NATIVE, TOOLS)
        ),
        tuple(progress.warnings),
    )


def _back_up(request: BenchmarkRequest, engine: Engine, folder: str) -> _Made:
    os.mkdir(folder, 0o700)
    inside = ScratchFolder(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(inside.remove)
        progress = Progress()
        place = dataclasses.replace(engine, scratch_folder=inside.path)
        made = backup(BackupRequest(request.options, Destination(dest=f"{folder}/"), engine=place), progress).backup
    return _Made(made["path"], made["size"], made["engine_program"], tuple(progress.warnings))


def _restore(request: BenchmarkRequest, engine: Engine, path: str, progress: Progress) -> Cost:
    name = SCRATCH_PREFIX + secrets.token_hex(8)
    options: RestoreOptions | MysqlRestoreOptions
    jobs = request.options.jobs
    if isinstance(request.options, BackupOptions):
        options = RestoreOptions(request.options.connection, name, create=True, jobs=jobs)
    else:
        options = MysqlRestoreOptions(request.options.connection, name, create=True, jobs=jobs)
    try:
        done, cost = measured(lambda: _restored(RestoreRequest(options, Origin(source=path), engine=engine)))
    finally:
        _drop(options, name, progress)
    if not done:
        raise DbfleetError(f"engine {engine.name} restored nothing")
    return cost


def _restored(request: RestoreRequest) -> bool:
    return restore(request, Progress()).changed


def _drop(options: RestoreOptions | MysqlRestoreOptions, name: str, progress: Progress) -> None:
    try:
        if isinstance(options, RestoreOptions):
            from .postgresql.scratch import PostgresqlScratch

            PostgresqlScratch(options.connection, name).drop()
        else:
            from .mysql.scratch import MysqlScratch

            MysqlScratch(options.connection, name).drop()
    except DbfleetError as error:
        progress.warn(f"the scratch database {name} could not be dropped: {error.message}")


def check_format(options: BackupOptions | MysqlBackupOptions) -> None:
    """:raises UsageError: only one of the engines has the format."""
    if isinstance(options, MysqlBackupOptions) and options.format != "plain":
        raise UsageError(
            f"the dump program of MySQL and MariaDB writes no {options.format}", hint="leave the format at plain"
        )
