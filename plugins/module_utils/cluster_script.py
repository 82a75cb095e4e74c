# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The job that runs a script of pg_dumpall, or of pg_dump --create, on a server.

request → read the whole script → connect and plan → run → result.
"""

from __future__ import annotations

import time
import typing as t

from .checksums import verify_checksums
from .errors import UsageError
from .lazy_dataclass import dataclass
from .postgresql.cluster.script_restore import ClusterScriptPlan, ClusterScriptRestore
from .postgresql.options import ConnectionOptions
from .postgresql.script_source import is_script
from .postgresql.script_tables import ScriptTable
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.artifact import StoredArtifact, open_artifact
from .restore import RestoreResult
from .summary import server_summary


@dataclass(frozen=True)
class ClusterScriptRequest:
    """One script to be run.

    :param source: its path.
    :param force: roles that exist may be altered to what the script says.
    :param check: verify it, connect, find out and say what would be done; change nothing.
    :param access: what opens it.
    """

    connection: ConnectionOptions
    source: str
    force: bool = False
    check: bool = False
    access: Access = NO_ACCESS


def restore_cluster_script(request: ClusterScriptRequest, progress: Progress) -> RestoreResult:
    """Run the script.

    :raises DbfleetError: it failed. Before the first change for everything that could be known before.
    """
    started = time.monotonic()
    artifact = open_artifact(request.source, request.access)
    if not is_script(artifact):
        raise UsageError(
            f"{artifact.description} is no script",
            hint="a restore of all databases needs the repository that holds a set, or a script of pg_dumpall",
        )
    if artifact.manifest is not None:
        verify_checksums(artifact, artifact.manifest, progress)
    server = ClusterScriptRestore(request.connection, force=request.force)
    try:
        summary = server.verify(artifact, progress)
        progress.phase("planning")
        plan = server.plan(summary)
        tables: tuple[ScriptTable, ...] = ()
        if not request.check:
            progress.phase("restoring", total_bytes=sum(table.record.bytes for table in summary.tables))
            tables = server.restore(artifact, progress)
        return _result(request, artifact, plan, tables, dict(summary.objects), time.monotonic() - started, progress)
    finally:
        server.close()
        progress.finish()


def _result(
    request: ClusterScriptRequest,
    artifact: StoredArtifact,
    plan: ClusterScriptPlan,
    tables: tuple[ScriptTable, ...],
    objects: dict[str, int],
    duration: float,
    progress: Progress,
) -> RestoreResult:
    summary: dict[str, t.Any] = {
        "source": artifact.description,
        "server": server_summary(plan.server),
        "databases": [_database(name, plan, tables, done=not request.check) for name in plan.databases],
        "objects": objects,
        "altered_roles": list(plan.roles),
        "duration": round(duration, 3),
        "verified": "checksums and structure" if artifact.manifest else "structure (there is no manifest)",
        "warnings": list(progress.warnings),
    }
    after = "".join(f"database {name}\n" for name in plan.databases)
    before = "".join(f"database {name}\n" for name in plan.databases if name in plan.there)
    return RestoreResult(changed=True, restore=summary, before=before, after=after)


def _database(name: str, plan: ClusterScriptPlan, tables: tuple[ScriptTable, ...], *, done: bool) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {"database": name, "created": name not in plan.there}
    if done:
        records = [table.record for table in tables if table.database == name]
        found.update(table_count=len(records), rows=sum(record.rows for record in records))
    return found
