# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""From a physical backup to a moment: a data folder of PostgreSQL out of a repository that holds backups and WAL.

Nothing is written before the plan is known to work, and the folder is none that a server starts in before all of it
is written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from .checksums import verify_checksums
from .lazy_dataclass import dataclass
from .local_server.launch import Launch
from .local_server.recovery import SHUT_DOWN, Recovered, find_server, program_of, recover
from .local_server.start import start_server
from .physical_candidates import name_of
from .postgresql.physical_restore.data_folder import DataFolder
from .postgresql.physical_restore.recovery import NO_COMMAND, recovery_files, recovery_settings
from .postgresql.physical_restore.unpack import Unpacked, Unpacker
from .postgresql.physical_restore.wal_chain import read_segment
from .postgresql.replication.lsn import format_lsn
from .progress import Progress
from .summary import backup_summary
from .wal_restore_plan import Plan, Wal, WalRestoreRequest, plan_restore


@dataclass(frozen=True)
class WalRestoreResult:
    """What was, or would be, done."""

    changed: bool
    backup: t.Mapping[str, t.Any]
    restore: t.Mapping[str, t.Any]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "backup": dict(self.backup), "restore": dict(self.restore)}


def restore_physical(request: WalRestoreRequest, progress: Progress) -> WalRestoreResult:
    """Restore the newest suitable backup and have the server recover up to the target.

    :raises NotFoundError: there is no backup from which the target can be reached, or the archive ends before it.
    :raises TargetNotEmptyError: the folder holds something.
    :raises RestoreError: a server runs there.
    :raises CorruptArtifactError: a backup or a segment is damaged; no server starts in what was written until then.
    """
    clock = time.monotonic()
    if request.start or request.recover:
        # Whoever cannot start it finds out now.
        find_server(request.server_programs)
    plan = plan_restore(request, progress)
    unpacked: Unpacked | None = None
    written = removed = 0
    recovered: Recovered | None = None
    if not request.check:
        unpacked, written, removed = _written(request, plan, progress)
        if request.start or request.recover:
            recovered = _recovered(request, plan, unpacked, progress)
    restore = _restore_summary(request, plan)
    restore["files"] = unpacked.files if unpacked is not None else None
    restore["written_bytes"] = written if unpacked is not None else None
    restore["removed"] = removed if unpacked is not None else None
    restore["recovered"] = recovered.to_dict() if recovered is not None else None
    restore["duration"] = round(time.monotonic() - clock, 3)
    manifest = plan.candidate.manifest
    if manifest is not None:
        backup = backup_summary(manifest, path=plan.candidate.stored[-1].description, tables=False)
    else:
        backup = {"path": plan.candidate.stored[-1].description}
    return WalRestoreResult(True, backup, restore, _before(plan), _after(request, plan))


def _written(request: WalRestoreRequest, plan: Plan, progress: Progress) -> tuple[Unpacked, int, int]:
    if not plan.is_new:
        # What is there will be overwritten: know before that the backup is whole.
        for artifact in plan.candidate.stored:
            if artifact.manifest is not None:
                verify_checksums(artifact, artifact.manifest, progress)
    manifests = [member.manifest for member in plan.chain.members if member.manifest is not None]
    total = sum(file.size for manifest in manifests for file in manifest.files)
    progress.phase("restoring", total_bytes=total)
    names = frozenset() if request.restore_command else _staged_names(plan.wal)
    folder = DataFolder(plan.places, plan.owner, delta=request.delta, left=plan.left)
    with contextlib.closing(folder):
        unpacked = Unpacker(plan.chain, folder, progress, without=names).unpack()
        if not request.restore_command:
            _stage(plan.wal, folder, progress)
        major = int(unpacked.version_file)
        command = request.restore_command or NO_COMMAND
        settings = recovery_settings(request.target, command, major)
        for name, content in recovery_files(settings, unpacked.auto_conf, major, archive_off=request.archive_off):
            folder.write_file(name, iter((content,)))
        removed = folder.remove_extra() if request.delta else 0
        progress.phase("waiting for the disk")
        folder.finish(unpacked.version_file)
    return unpacked, folder.bytes_written, removed


def _recovered(request: WalRestoreRequest, plan: Plan, unpacked: Unpacked, progress: Progress) -> Recovered:
    data, account = plan.places.data, plan.owner.name
    launch = plan.launch or Launch()
    program = program_of(unpacked.version_file.decode("ascii", "replace").strip(), request.server_programs)
    recovered = recover(program, data, account, request.target, progress, configuration=launch.configuration)
    if not request.start or recovered.state == SHUT_DOWN:
        return recovered
    started = start_server(program, data, account, launch, progress)
    return dataclasses.replace(recovered, running=True, process=started.process, port=started.port)


def _staged_names(wal: Wal) -> frozenset[str]:
    """What the archive gives, with what says that it is archived; the backup may hold some of it too."""
    names = [str(segment.place) for segment in wal.chain.segments[: wal.needed] if segment.is_archived]
    names += [f"{timeline:08X}.history" for timeline in wal.chain.histories]
    return frozenset(path for name in names for path in (f"pg_wal/{name}", f"pg_wal/archive_status/{name}.done"))


def _stage(wal: Wal, folder: DataFolder, progress: Progress) -> None:
    """Put the WAL up to the target where the server looks for it."""
    archive = wal.archive
    if archive is None:
        return
    progress.phase("copying WAL", total_bytes=wal.needed * wal.chain.segment_size)
    folder.make_folder("pg_wal/archive_status")
    for segment in wal.chain.segments[: wal.needed]:
        if segment.is_archived:
            progress.item(str(segment.place))
            folder.write_file(f"pg_wal/{segment.place}", read_segment(archive, segment, wal.chain.segment_size))
            if segment.file is not None:
                # The server need not archive it again.
                folder.write_file(f"pg_wal/archive_status/{segment.place}.done", iter(()))
            progress.advance(wal.chain.segment_size)
    for timeline in wal.chain.histories:
        data = archive.read_history(timeline)
        if data is not None:
            folder.write_file(f"pg_wal/{timeline:08X}.history", iter((data,)))
            folder.write_file(f"pg_wal/archive_status/{timeline:08X}.history.done", iter(()))


def _restore_summary(request: WalRestoreRequest, plan: Plan) -> dict[str, t.Any]:
    segments = plan.wal.chain.segments[: plan.wal.needed]
    archived = [str(segment.place) for segment in segments if segment.is_archived]
    return {
        "data_folder": plan.places.data,
        "owner": plan.owner.name,
        "tablespaces": {str(oid): path for oid, path in plan.places.tablespaces.items()},
        "target": request.target.text,
        "action": request.target.action,
        "timeline": plan.wal.chain.parts[-1].timeline,
        "chain": [name_of(artifact) for artifact in plan.candidate.stored],
        "consistent_lsn": format_lsn(plan.moment.end),
        "window": plan.wal.window,
        "wal": {"first": archived[0] if archived else "", "last": archived[-1] if archived else "",
                "segments": len(archived)},
        "staged": not request.restore_command,
        "restore_command": request.restore_command,
        "bytes": plan.bytes,
        "delta": request.delta and not plan.is_new,
        "start": _start_summary(request, plan),
    }  # fmt: skip


def _start_summary(request: WalRestoreRequest, plan: Plan) -> dict[str, t.Any] | None:
    """How the server is started in the end; ``None`` where it is not."""
    if not request.start:
        return None
    launch = plan.launch or Launch()
    return {"configuration": launch.configuration, "command": " ".join(launch.control)}


def _before(plan: Plan) -> str:
    if plan.is_new:
        what = "leftovers of an unfinished restore" if plan.left is not None else "empty"
    else:
        what = "the data folder of the same cluster"
    return f"{plan.places.data}: {what}\n"


def _after(request: WalRestoreRequest, plan: Plan) -> str:
    lines = [f"{plan.places.data}: backup {' + '.join(name_of(one) for one in plan.candidate.stored)}"]
    lines += [f"{path}: tablespace {oid}" for oid, path in plan.places.tablespaces.items()]
    segments = plan.wal.chain.segments[: plan.wal.needed]
    lines.append(f"recovery up to {request.target.text}, {len(segments)} segments of WAL, then {request.target.action}")
    if request.start:
        command = _start_summary(request, plan) or {}
        lines.append(f"the server is started {'by ' + command['command'] if command['command'] else 'and runs'}")
    return "\n".join(lines) + "\n"
