# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What both engines write of one database, as the two sides of a comparison: of one snapshot where the server lets
several sessions share it, else one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from .backup import BackupRequest, Destination, backup
from .comparison import Side
from .errors import DbfleetError
from .mysql.options import BackupOptions as MysqlBackupOptions
from .mysql.options import ConnectionOptions as MysqlConnectionOptions
from .postgresql.options import BackupOptions, ConnectionOptions
from .progress import Progress
from .repository.artifact import StoredArtifact, open_artifact
from .tools.engine import NATIVE_ENGINE, TOOLS, Engine
from .tools.scratch import ScratchFolder

_COMPRESSION = "gzip:1"


def open_both(
    connection: ConnectionOptions | MysqlConnectionOptions,
    database: str,
    engine: Engine,
    stack: contextlib.ExitStack,
    progress: Progress,
) -> tuple[Side, Side]:
    """Dump the database by both engines into a private folder, which is removed with ``stack``.

    :param engine: where the vendor's programs are, and where there is room for two backups.
    :raises DbfleetError: one of them failed.
    """
    scratch = ScratchFolder(engine.scratch_folder)
    stack.callback(scratch.remove)
    programs = dataclasses.replace(engine, name=TOOLS, exact=False)
    if isinstance(connection, ConnectionOptions):
        return _postgresql(connection, database, programs, scratch, stack, progress)
    return _mysql(connection, database, programs, scratch, progress)


def _postgresql(
    connection: ConnectionOptions,
    database: str,
    programs: Engine,
    scratch: ScratchFolder,
    stack: contextlib.ExitStack,
    progress: Progress,
) -> tuple[Side, Side]:
    from .postgresql.compared import ArchiveSide
    from .postgresql.exported_snapshot import exported_snapshot

    with exported_snapshot(connection, database) as snapshot:
        options = BackupOptions(connection, database, compression=_COMPRESSION, snapshot=snapshot)
        told = dataclasses.replace(programs, arguments=(f"--snapshot={snapshot}",))
        ours = _dump(options, NATIVE_ENGINE, scratch.join("native"), progress)
        theirs = _dump(options, told, scratch.join("tools"), progress)
    sides = []
    for artifact, how in ((ours, "by the native engine"), (theirs, f"by {_program(theirs)}, in the same snapshot")):
        side = ArchiveSide(artifact, artifact.manifest, progress)
        side.description = f"database {database} {how}"
        stack.callback(side.close)
        sides.append(side)
    return sides[0], sides[1]


def _mysql(
    connection: MysqlConnectionOptions, database: str, programs: Engine, scratch: ScratchFolder, progress: Progress
) -> tuple[Side, Side]:
    from .tools.mysql_compared import ScriptSide

    options = MysqlBackupOptions(connection, database, compression=_COMPRESSION)
    ours = _dump(options, NATIVE_ENGINE, scratch.join("native"), progress)
    theirs = _dump(options, programs, scratch.join("tools"), progress)
    how = f"by {_program(theirs)}, read after the other"
    return (
        ScriptSide(ours, f"database {database} by the native engine", progress),
        ScriptSide(theirs, f"database {database} {how}", progress),
    )


def _dump(
    options: BackupOptions | MysqlBackupOptions, engine: Engine, folder: str, progress: Progress
) -> StoredArtifact:
    os.mkdir(folder, 0o700)
    name = engine.name
    part = progress.part(name)
    try:
        made = backup(BackupRequest(options, Destination(dest=f"{folder}/"), engine=engine), part)
    except DbfleetError as error:
        raise type(error)(f"engine {name}: {error.message}", hint=error.hint, **error.context) from error
    progress.warnings.extend(f"{name}: {warning}" for warning in part.warnings)
    return open_artifact(str(made.backup["path"]))


def _program(artifact: StoredArtifact) -> str:
    manifest = artifact.manifest
    return "the vendor's program" if manifest is None else t.cast(str, manifest.contents.options.get("program"))
