# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A backup as plain data: the same object in every result, in ``--json`` and in ``backup_info``."""

from __future__ import annotations

import typing as t

from .interfaces import BackupPlan
from .repository.marks import Hold, Verification, failed_last
from .repository.records import ENGINE, PROGRAM, REASON, Manifest, ServerIdentity
from .tools.engine import NATIVE

#: How a very large table was read in parts concerns the manifest only.
_TABLE_FIELDS = ("schema", "name", "rows", "bytes", "sha256")


def backup_summary(manifest: Manifest, *, path: str, tables: bool = True) -> dict[str, t.Any]:
    """A finished backup.

    :param path: where it is, as users can name it.
    :param tables: include the list of tables; without it only their number is given as ``table_count``.
    """
    contents = manifest.contents
    summary: dict[str, t.Any] = {
        "id": manifest.id,
        "kind": manifest.kind,
        "dbms": manifest.server.dbms,
        "cluster": manifest.cluster,
        "database": manifest.database,
        "path": path,
        "artifact": contents.artifact,
        "format": contents.format,
        "compression": contents.compression,
        "encryption": manifest.encryption.method,
        "recipients": list(manifest.encryption.recipients),
        "size": manifest.size,
        "rows": manifest.rows,
        "table_count": len(contents.tables),
        "objects": dict(contents.objects),
        "snapshot": dict(contents.snapshot),
        "server": server_summary(manifest.server),
        "started_at": manifest.started_at,
        "finished_at": manifest.finished_at,
        "duration": manifest.duration,
        "checksums": {record.path: record.sha256 for record in manifest.files},
        "warnings": list(manifest.warnings),
        "engine_version": manifest.engine_version,
        "engine": contents.options.get(ENGINE, NATIVE),
        "engine_program": contents.options.get(PROGRAM, ""),
        "engine_reason": contents.options.get(REASON, ""),
        "set": manifest.set,
        "options": dict(contents.options),
    }
    if tables:
        summary["tables"] = [{name: getattr(table, name) for name in _TABLE_FIELDS} for table in contents.tables]
    return summary


def marks_summary(hold: Hold | None, verifications: t.Sequence[Verification]) -> dict[str, t.Any]:
    """What became known of a backup after it was finished: its hold, and the last look of each level."""
    failed = failed_last(verifications)
    latest = {one.level: {**vars(one), "findings": list(one.findings)} for one in verifications}
    return {
        "hold": None if hold is None else dict(vars(hold)),
        "verified_at": max((one.verified_at for one in verifications if one.passed), default=""),
        "good": failed is None,
        "verifications": list(latest.values()),
    }


def planned_summary(plan: BackupPlan, *, cluster: str, path: str) -> dict[str, t.Any]:
    """A backup that check mode says would be made."""
    return {
        "dbms": plan.server.dbms,
        "cluster": cluster,
        "database": plan.database,
        "path": path,
        "artifact": plan.artifact,
        "format": plan.format,
        "compression": plan.compression,
        "estimated_size": plan.estimated_bytes,
        "table_count": len(plan.tables),
        "tables": [{"schema": schema, "name": name} for schema, name in plan.tables],
        "objects": dict(plan.objects),
        "server": server_summary(plan.server),
    }


def server_summary(server: ServerIdentity) -> dict[str, t.Any]:
    return {
        "dbms": server.dbms,
        "version": server.version,
        "host": server.host,
        "port": server.port,
        "identifier": server.identifier,
    }
