# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""From a full backup to a moment: MySQL or MariaDB out of a repository that holds backups and binlogs.

choose the backup → its chain of binlogs → read them, find the target → try the target server → restore → replay.
Nothing of the target is touched before all of that is known to be there and whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from .cluster_restore import ClusterRestoreRequest, restore_cluster
from .errors import ConnectError, DbfleetError, NotFoundError, RestoreError, UnsupportedObjectError, UsageError
from .lazy_dataclass import dataclass
from .mysql.binlog.applier import ChosenApplier, apply_with, choose_applier
from .mysql.binlog.applier_names import AUTO, BINLOG_STATEMENTS, REPLICA
from .mysql.binlog.binlog_file import location_of
from .mysql.binlog.chain import BackupPoint, Chain, chain_from
from .mysql.binlog.coverage import archived_logs
from .mysql.binlog.listing import TransactionFilter
from .mysql.binlog.replay import try_target
from .mysql.binlog.replay_changes import EMPTY, SKIP, UNCHANGED, ReplayChanges
from .mysql.binlog.replay_filter import Choice
from .mysql.binlog.replay_plan import ReplayPlan, plan_replay
from .mysql.binlog.source_address import HERE, SourceAddress
from .mysql.binlog.target import Stop, Target
from .mysql.binlog.transactions import Transaction
from .mysql.connection import connect
from .mysql.options import RestoreOptions
from .point_in_time_state import PointInTimeState, recorded
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.layout import GLOBALS, LOGICAL
from .repository.records import PARTIAL, Manifest
from .repository.repository import CatalogueEntry, Repository
from .repository.sets import stored_set
from .restore import Origin, RestoreRequest, RestoreResult, restore
from .summary import backup_summary

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class PointInTimeRequest:
    """What to bring back, and to which moment.

    :param options: where the backup is restored to and how; its database is empty for all databases of a set.
    :param repository: its path or URL; it holds the backups and the binlogs.
    :param cluster: the name that both are filed under; empty where the repository holds one only.
    :param database: the database that was backed up; empty for all databases of a set.
    :param backup: an id, or ``latest`` for the newest one from which the target can be reached.
    :param keep_gtids: apply the transactions under the identifiers that they have.
    :param applier: one of :data:`.mysql.binlog.applier.APPLIERS`.
    :param source: where a target that replicates finds this host.
    :param check: find out and say what would be done, change nothing.
    :param state_folder: where to record what is done, and to go on where the same job was interrupted; empty for not.
    """

    options: RestoreOptions
    repository: str
    target: Target
    cluster: str = ""
    database: str = ""
    backup: str = "latest"
    keep_gtids: bool = False
    applier: str = AUTO
    check: bool = False
    state_folder: str = ""
    access: Access = NO_ACCESS
    source: SourceAddress = HERE


@dataclass(frozen=True)
class PointInTimeResult:
    """What was, or would be, done."""

    changed: bool
    backup: t.Mapping[str, t.Any]
    restore: t.Mapping[str, t.Any]
    replay: t.Mapping[str, t.Any]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "changed": self.changed,
            "backup": dict(self.backup),
            "restore": dict(self.restore),
            "replay": dict(self.replay),
        }


@dataclass(frozen=True)
class _Plan:
    """Everything that is known before the first change."""

    entry: CatalogueEntry
    manifest: Manifest
    chain: Chain
    replay: ReplayPlan


def restore_to_moment(request: PointInTimeRequest, progress: Progress) -> PointInTimeResult:
    """Restore the newest suitable backup and apply the transactions up to the target.

    :raises NotFoundError: there is no backup from which the target can be reached.
    :raises ConsistencyError: binlogs are missing between the backup and the target; the error says from where to where.
    :raises CorruptArtifactError: the backup or a binlog is damaged.
    :raises UnsupportedObjectError: a transaction cannot be applied.
    :raises RestoreError: it failed after the target was touched; the error says what was done.
    """
    clock = time.monotonic()
    with recorded(request.state_folder, _job(request)) as state:
        if state is not None and state.backup:
            request = dataclasses.replace(request, backup=state.backup)
        plan = _plan(request, progress)
        if state is not None:
            counted = request.keep_gtids and plan.manifest.server.dbms == "mysql" and plan.replay.gtids[0]
            plan = dataclasses.replace(plan, replay=state.left_of(plan.replay, counted=counted))
        applier = _try_server(request, plan, state)
        result = None
        if state is None or not state.is_restored:
            result = _restored(request, plan, progress, None if request.check else state)
        if not request.check:
            applier = _replayed(request, plan, progress, applier, state)
            if state is not None:
                state.done()
    replay = _replay_summary(request.target, plan)
    replay["applier"] = applier.name if applier is not None else None
    replay["duration"] = round(time.monotonic() - clock, 3)
    after = f"{plan.replay.transactions} transactions up to {request.target.text}\n"
    return PointInTimeResult(
        changed=True,
        backup=backup_summary(plan.manifest, path=plan.entry.url, tables=False),
        restore=result.restore if result is not None else {},
        replay=replay,
        before=result.before if result is not None else "",
        after=result.after + after if result is not None else after,
    )


def _job(request: PointInTimeRequest) -> dict[str, t.Any]:
    """What makes a job another one, for its record."""
    connection = request.options.connection
    server = [connection.host, connection.port, connection.unix_socket, connection.option_file, connection.option_group]
    job = [request.repository, request.cluster, request.database, request.options.database, request.target.text]
    return {"server": server, "job": job, "keep_gtids": request.keep_gtids, "backup": request.backup}


def _replayed(
    request: PointInTimeRequest,
    plan: _Plan,
    progress: Progress,
    chosen: ChosenApplier | None,
    state: PointInTimeState | None,
) -> ChosenApplier | None:
    if chosen is None:
        return None
    resume = state is not None and state.applier == REPLICA
    if state is not None:
        state.applying(chosen.name)
    try:
        with contextlib.closing(connect(request.options.connection, sends_files=plan.replay.loads)) as session:
            how: t.Any = {"keep_gtids": request.keep_gtids, "applier": _applier(request, plan), "resume": resume}
            return apply_with(session, plan.replay, progress, source=request.source, **how)
    except DbfleetError as error:
        place = (str(error.context.get("file", "")), error.context.get("position"))
        # Whether a transaction was committed whose connection was lost, nobody knows.
        known = isinstance(place[1], int) and not isinstance(error.__cause__, ConnectError)
        if state is not None and known and not plan.chain.is_of_several:
            state.stopped(place[0], int(t.cast(int, place[1])))
        raise RestoreError(
            f"backup {plan.manifest.id} is restored, but {error.message}",
            hint=f"{error.hint}; with resume, the same job goes on there",
            **{**error.context, "restored": plan.manifest.id},
        ) from error


def _applier(request: PointInTimeRequest, plan: _Plan) -> str:
    """Binlogs of several servers can have the same names, which would lead a replica astray.

    :raises UnsupportedObjectError: that is what was asked for.
    """
    if not plan.chain.is_of_several:
        return request.applier
    if request.applier == REPLICA:
        raise UnsupportedObjectError(
            "the binlogs are of several servers, one after the other, which cannot be served to a replica",
            hint="choose the applier binlog_statements",
        )
    return BINLOG_STATEMENTS


def _plan(request: PointInTimeRequest, progress: Progress) -> _Plan:
    progress.phase("choosing the backup")
    repository = Repository(request.repository, request.access)
    repository.require()
    cluster = request.cluster or _only_cluster(repository)
    entry, manifest, members = _choose(repository, cluster, request)
    point = BackupPoint.of(manifest.contents.snapshot, manifest.server.identifier)
    chain = chain_from(repository.storage, archived_logs(repository.storage, cluster), point, request.access)
    progress.phase("reading binlogs", total_bytes=chain.size)
    stop = Stop(request.target, point)
    wanted = TransactionFilter(start_position=chain.start_position, exclude_gtids=chain.held)
    replay = plan_replay(chain.files, wanted, partial=True, until=stop, changes=_changes(request, manifest, members))
    stop.check_reached(chain)
    return _Plan(entry, manifest, chain, replay)


def _only_cluster(repository: Repository) -> str:
    clusters = sorted({entry.manifest.cluster for entry in repository.entries()})
    if len(clusters) != 1:
        named = f": {', '.join(clusters[:10])}" if clusters else ""
        raise UsageError(f"the repository holds backups of {len(clusters)} clusters{named}", hint="name the cluster")
    return clusters[0]


def _choose(
    repository: Repository, cluster: str, request: PointInTimeRequest
) -> tuple[CatalogueEntry, Manifest, tuple[str, ...]]:
    """The newest suitable backup, the manifest that knows its moment, and the databases in it.

    :raises NotFoundError: there is none.
    """
    late = 0
    for entry in repository.newest_first(cluster, request.database):
        if request.backup not in ("latest", entry.manifest.id):
            continue
        if not _is_whole(entry.manifest, request):
            continue
        manifest, members = _with_moment(repository, entry)
        point = BackupPoint.of(manifest.contents.snapshot, manifest.server.identifier)
        if Stop(request.target, point).is_after(point):
            return entry, manifest, members
        late += 1
    what = f"of database {request.database!r}" if request.database else "of all databases"
    raise NotFoundError(
        f"the repository {repository.location} holds no backup {what} in cluster {cluster!r} from before "
        f"{request.target.text}" + (f"; {late} were made later" if late else ""),
        hint=f"list the moments that can be reached: dbfleet info {repository.location}",
    )


def _is_whole(manifest: Manifest, request: PointInTimeRequest) -> bool:
    """Whether it is a backup of everything that is to be restored."""
    if manifest.server.dbms not in ("mysql", "mariadb"):
        raise UsageError(f"backup {manifest.id} is of {manifest.server.dbms}", hint="binlogs are MySQL's and MariaDB's")
    named = request.backup == manifest.id
    if manifest.contents.options.get(PARTIAL) and not named:
        return False
    return bool(manifest.members) if not request.database else manifest.kind == LOGICAL


def _with_moment(repository: Repository, entry: CatalogueEntry) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest whose snapshot counts: of a set that of its members, who must have one in common."""
    if entry.manifest.kind != GLOBALS:
        return entry.manifest, (entry.manifest.database,)
    found = stored_set(repository, entry)
    if found.missing:
        raise NotFoundError(f"set {found.id} is incomplete: {', '.join(found.missing)} missing", hint="choose another")
    keys = ("binlog_file", "binlog_position", "gtid")
    moments = {tuple(member.manifest.contents.snapshot.get(key) for key in keys) for member in found.members}
    if len(moments) > 1:
        raise UsageError(
            f"the databases of set {found.id} were read at {len(moments)} moments",
            hint="only a set that was made with one job is of one moment; restore the databases one by one",
        )
    manifest = found.members[0].manifest
    return manifest, tuple(member.manifest.database for member in found.members)


def _changes(request: PointInTimeRequest, manifest: Manifest, members: tuple[str, ...]) -> ReplayChanges:
    """What of the transactions is applied: of a part of the server that part only."""
    emptied = EMPTY if request.keep_gtids else SKIP
    if request.database:
        new = request.options.database
        rename = ((request.database, new),) if new != request.database else ()
        return ReplayChanges(Choice(databases=(request.database,)), rename, emptied)
    options = manifest.contents.options
    if options.get("databases") or options.get("exclude_database"):
        return ReplayChanges(Choice(databases=members), (), emptied)
    return UNCHANGED


def _try_server(request: PointInTimeRequest, plan: _Plan, state: PointInTimeState | None) -> ChosenApplier | None:
    """Make sure that the target can take the transactions; which applier it would be.

    :raises DbfleetError: it cannot; nothing was changed.
    """
    with contextlib.closing(connect(request.options.connection, sends_files=plan.replay.loads)) as session:
        _check_version(plan.manifest, session.version.dbms, session.version.number, session.version.text)
        if not plan.replay.transactions:
            return None
        how: t.Any = {
            "keep_gtids": request.keep_gtids,
            "applier": _applier(request, plan),
            "source": request.source,
        }
        chosen = choose_applier(session, plan.replay, resume=state is not None and state.applier == REPLICA, **how)
        if chosen.name == BINLOG_STATEMENTS:
            try_target(session, plan.replay, keep_gtids=request.keep_gtids)
        return chosen


def _check_version(manifest: Manifest, dbms: str, number: int, text: str) -> None:
    server = manifest.server
    if server.dbms != dbms:
        raise UsageError(
            f"the binlogs are of {server.dbms} {server.version}, the target is {dbms} {text}",
            hint="transactions of one family cannot be applied to the other; restore into a server of its kind",
        )
    if number // 100 < server.version_number // 100:
        raise UsageError(
            f"the target ({text}) is older than the server whose binlogs these are ({server.version})",
            hint="restore into a server of the same version or a later one",
        )


def _restored(
    request: PointInTimeRequest, plan: _Plan, progress: Progress, state: PointInTimeState | None
) -> RestoreResult:
    origin = Origin(
        repository=request.repository,
        cluster=plan.manifest.cluster,
        database=request.database,
        backup=plan.entry.manifest.id,
        access=request.access,
    )
    if state is not None:
        state.chosen(plan.entry.manifest.id)
    result: RestoreResult
    if request.database:
        result = restore(RestoreRequest(request.options, origin, check=request.check), progress)
    else:
        result = restore_cluster(ClusterRestoreRequest(request.options, origin, check=request.check), progress)
    if state is not None:
        state.restored()
    return result


def _replay_summary(target: Target, plan: _Plan) -> dict[str, t.Any]:
    replay, chain = plan.replay, plan.chain
    return {
        "target": target.text,
        "files": [location_of(planned.path) for planned in replay.files if planned.ranges],
        "transactions": replay.transactions,
        "bytes": replay.bytes,
        "emptied": replay.emptied,
        "last": _transaction(replay.last),
        "left_out": _transaction(replay.left_out),
        "start": {"file": chain.files[0].name, "position": chain.start_position, "gtid": chain.held},
        "incomplete": replay.incomplete,
    }


def _transaction(found: tuple[str, Transaction] | None) -> dict[str, t.Any] | None:
    if found is None:
        return None
    file, transaction = found
    return {
        "file": file,
        "start": transaction.start,
        "end": transaction.end,
        "gtid": transaction.gtid,
        "time": transaction.time / _MICROSECONDS,
    }
