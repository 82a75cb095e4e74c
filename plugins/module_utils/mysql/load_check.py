# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""After a restore: everything that the backup makes is in the target, and every row of it."""

from __future__ import annotations

from ..errors import CorruptArtifactError, RestoreError
from ..repository.records import Manifest
from . import preflight
from .load_options import ERROR, VERIFY_ROWS
from .load_run import LoadedTable, LoadRun
from .load_state import rows_in

_NAMED_AT_MOST = 10


def check(run: LoadRun, database: str, manifest: Manifest | None, *, others: bool) -> None:
    """Compare the target with the backup.

    :param others: the tables may have had rows before.

    :raises RestoreError: something is missing. Where the restore went on behind failures, what they explain is added to
        :attr:`.LoadRun.failures` instead.
    """
    _check_objects(run, database)
    run.check_keys()
    for path, tables in run.summary.files.items():
        for name, expected in tables.items():
            loaded = run.tables.get(name)
            if loaded is None or path not in loaded.digests or loaded.digests[path].record() != expected:
                raise CorruptArtifactError(f"the data of {name} changed in the file while it was being restored")
    if not run.failures:
        _check_rows(run, manifest)
        _check_recorded(run)
    if run.options.verify == VERIFY_ROWS:
        _count_rows(run, others=others)


def _count_rows(run: LoadRun, *, others: bool) -> None:
    """Ask the target itself how many rows each table has."""
    wrong = []
    run.progress.phase("counting rows")
    for name in run.summary.tables:
        run.item(name)
        expected, found = run.tables[name].rows, rows_in(run.main.session, name)
        if found < expected or (found > expected and not others):
            wrong.append(f"{name} has {found} rows instead of {expected}")
    if wrong:
        run.failed(
            RestoreError(
                f"the restored tables are not what was loaded: {'; '.join(wrong[:_NAMED_AT_MOST])}",
                hint="do not use the target; another session may have interfered",
                tables=wrong,
            )
        )


def _check_objects(run: LoadRun, database: str) -> None:
    present = preflight.inventory(run.main.session, database)
    known = {(kind, name.lower()) for kind, name in present}
    missing = [
        f"{kind} {name}"
        for kind, name in run.summary.objects
        if (kind, name.lower()) not in known and "\ufffd" not in name
    ]
    if missing:
        run.failed(
            RestoreError(
                f"the script was run and these objects are not there: {', '.join(missing[:_NAMED_AT_MOST])}",
                hint="the user may lack the privilege to see them; else report this as a bug",
                missing=missing,
            )
        )


def _check_recorded(run: LoadRun) -> None:
    """The numbers of rows that a folder's metadata name, of tables whose rows were all to be added."""
    wrong = []
    for name in run.summary.tables:
        loaded, expected = run.tables[name], run.summary.rows.get(name)
        exact = loaded.data().exact and run.options.duplicates == ERROR
        if expected is not None and exact and loaded.rows != expected:
            wrong.append(f"{name} got {loaded.rows} rows, and the metadata of the folder say {expected}")
    if wrong:
        raise RestoreError(
            f"the folder is not whole: {'; '.join(wrong[:_NAMED_AT_MOST])}",
            hint="do not use the target; a file of the folder may have been cut off",
            tables=wrong,
        )


def _check_rows(run: LoadRun, manifest: Manifest | None) -> None:
    for table in manifest.contents.tables if manifest is not None else ():
        loaded = run.tables.get(table.name, LoadedTable())
        exact = loaded.data().exact and run.options.duplicates == ERROR
        selected = table.name in run.summary.tables
        if table.sha256 and exact and selected and loaded.rows != table.rows:
            raise RestoreError(
                f"{table.name} got {loaded.rows} rows, and the backup has {table.rows}",
                hint="do not use the target; a trigger or another session may have interfered",
            )
