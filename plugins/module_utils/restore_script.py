# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The job that writes the script which would restore a backup of PostgreSQL, without a server.

request → find the backup → checksums → walk the artifact → write the script → compare → result.
"""

from __future__ import annotations

import os
import time
import typing as t

from .checksums import verify_checksums
from .errors import UsageError
from .interfaces import RestoreContents
from .lazy_dataclass import dataclass
from .postgresql.restore_script import ScriptRestoreOptions, verify_for_script, write_script
from .progress import Progress
from .repository.artifact import StoredArtifact
from .repository.layout import LOGICAL
from .repository.records import Manifest
from .restore import Origin, RestoreResult, compare_contents, open_origin
from .streams.output import output_sink
from .summary import backup_summary

STANDARD_OUTPUT = "-"


@dataclass(frozen=True)
class RestoreScriptRequest:
    """One backup to be made a script.

    :param file: the path of the script, which is replaced when the new one is whole; ``-`` for standard output.
    :param check: only verify the artifact and find out what would be written.
    """

    options: ScriptRestoreOptions
    origin: Origin
    file: str
    check: bool = False


def restore_to_script(request: RestoreScriptRequest, progress: Progress) -> RestoreResult:
    """Write the script.

    :raises DbfleetError: it failed; there is no new script then, but for what went to standard output.
    """
    started = time.monotonic()
    artifact = open_origin(request.origin)
    manifest = artifact.manifest
    try:
        if manifest is not None:
            _check_backup(manifest)
            artifact.require_identity()
            verify_checksums(artifact, manifest, progress)
        order = verify_for_script(artifact, manifest, request.options, progress)
        contents = RestoreContents(tables=(), objects=order.counts())
        if not request.check:
            progress.phase("writing", total_bytes=0)
            contents = write_script(artifact, manifest, request.options, output_sink(request.file), progress)
            if manifest is not None:
                compare_contents(manifest, contents, order.tables())
        return _result(request, artifact, contents, time.monotonic() - started, progress)
    finally:
        progress.finish()


def _check_backup(manifest: Manifest) -> None:
    if manifest.server.dbms != "postgresql" or manifest.kind != LOGICAL:
        raise UsageError(
            f"backup {manifest.id} is of {manifest.server.dbms} and holds {manifest.kind}",
            hint="only backups of PostgreSQL databases can be made a script",
        )


def _result(
    request: RestoreScriptRequest,
    artifact: StoredArtifact,
    contents: RestoreContents,
    duration: float,
    progress: Progress,
) -> RestoreResult:
    path = request.file if request.file == STANDARD_OUTPUT else os.path.abspath(request.file)
    summary: dict[str, t.Any] = {
        "source": artifact.description,
        "file": path,
        "objects": dict(contents.objects),
        "tables": [{"schema": table.schema, "name": table.name, "rows": table.rows} for table in contents.tables],
        "rows": sum(table.rows for table in contents.tables),
        "duration": round(duration, 3),
        "verified": "checksums and structure" if artifact.manifest else "structure (there is no manifest)",
        "warnings": list(progress.warnings),
    }
    if artifact.manifest is not None:
        summary["backup"] = backup_summary(artifact.manifest, path=artifact.description, tables=False)
    return RestoreResult(changed=True, restore=summary, before="", after=f"file {path}\n")
