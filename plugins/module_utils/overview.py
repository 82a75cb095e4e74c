# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How the backups of repositories stand, database by database: what the report shows and metrics count.

The overview is plain data, so that one host can make it and another one can put many of them on one page.
"""

from __future__ import annotations

import datetime
import fnmatch
import json
import socket
import typing as t

from .errors import DbfleetError
from .info import InfoRequest, InfoResult, info
from .job_status import SKIPPED, JobStatus, read_statuses
from .lazy_dataclass import dataclass
from .repository.access import NO_ACCESS, Access
from .repository.layout import LOGICAL
from .repository.records import PARTIAL
from .repository.repository import Repository

VERSION = 1
#: From the best to the worst.
STATES = ("ok", "warning", "critical")
_ARCHIVES = ("%binlogs", "%wal")
_STATUS_NAME = "status.json"
_LARGEST_STATUS = 1 << 16
_KEPT = ("id", "kind", "path", "started_at", "finished_at", "duration", "size", "rows", "table_count", "format")

Plain = dict[str, t.Any]


@dataclass(frozen=True)
class Objective:
    """How old the newest good backup of some databases may be.

    :param pattern: of ``cluster/database``, with ``*`` and ``?``.
    :param seconds: 0 for databases that nothing is expected of.
    """

    pattern: str
    seconds: float


@dataclass(frozen=True)
class OverviewRequest:
    """What to look at.

    :param repositories: paths and URLs.
    :param status_folder: of scheduled jobs; empty for none.
    :param objective: in seconds, of databases that none of ``objectives`` is about; 0 for none.
    :param objectives: the first that fits a database counts.
    :param host: what to call this host; empty for its own name.
    :param most_backups: of each database, the newest.
    """

    repositories: tuple[str, ...]
    access: Access = NO_ACCESS
    status_folder: str = ""
    objective: float = 0
    objectives: tuple[Objective, ...] = ()
    host: str = ""
    most_backups: int = 500

    def objective_of(self, cluster: str, database: str) -> float:
        name = f"{cluster}/{database}"
        fitting = (one.seconds for one in self.objectives if fnmatch.fnmatchcase(name, one.pattern))
        return next(fitting, self.objective)


def overview(request: OverviewRequest, *, now: datetime.datetime | None = None) -> Plain:
    """How the backups stand.

    :param now: an aware time; the present.
    :return: ``version``, ``host``, ``generated_at``; ``repositories`` with ``location`` and ``error`` (empty for one
        that could be read); ``databases``, see :func:`_database`; ``archives``; ``jobs``, see
        :class:`.job_status.JobStatus`; ``damaged``, the manifests that cannot be trusted; ``problems`` of none of them;
        ``state``, one of :data:`STATES`: the worst of all.
    :raises CorruptArtifactError: the status of a job is damaged.
    """
    now = now or datetime.datetime.now(datetime.timezone.utc)
    jobs = read_statuses(request.status_folder) if request.status_folder else ()
    found: Plain = {
        "version": VERSION,
        "host": request.host or socket.gethostname(),
        "generated_at": _text(now),
        "repositories": [],
        "databases": [],
        "archives": [],
        "jobs": [_job(status, now) for status in jobs],
        "damaged": [],
    }
    for location in request.repositories:
        _add_repository(found, request, location, now)
    found["state"] = worst(
        [one["state"] for kind in ("repositories", "databases", "archives", "jobs") for one in found[kind]]
        + ["critical"] * bool(found["damaged"])
    )
    return found


def worst(states: t.Iterable[str]) -> str:
    """The worst of some states."""
    return max(states, key=STATES.index, default="ok")


def seconds_between(earlier: str, later: str) -> float:
    """The seconds between two times in ISO 8601."""
    return (parsed(later) - parsed(earlier)).total_seconds()


def parsed(moment: str) -> datetime.datetime:
    """An aware time out of ISO 8601, which may end with a Z that older Pythons do not know."""
    found = datetime.datetime.fromisoformat(moment[:-1] + "+00:00" if moment.endswith("Z") else moment)
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def _add_repository(found: Plain, request: OverviewRequest, location: str, now: datetime.datetime) -> None:
    repository: Plain = {"location": location, "error": "", "state": "ok"}
    found["repositories"].append(repository)
    try:
        listed = info(InfoRequest(location=location, skip_damaged=True, access=request.access))
        archives = list(_archives(Repository(location, request.access), now))
    except DbfleetError as error:
        # One repository that cannot be read is a problem to be shown, and no reason to show nothing of the others.
        repository.update(error=str(error), state="critical")
        return
    found["damaged"] += [{"repository": location, **one} for one in listed.damaged]
    found["archives"] += [{"repository": location, **one} for one in archives]
    found["databases"] += _databases(listed, location, request, now)


def _databases(
    listed: InfoResult, location: str, request: OverviewRequest, now: datetime.datetime
) -> t.Iterator[Plain]:
    groups: dict[tuple[str, str, str], list[t.Mapping[str, t.Any]]] = {}
    for one in listed.backups:
        groups.setdefault((one["cluster"], one["database"], one["kind"]), []).append(one)
    for (cluster, database, kind), backups in sorted(groups.items()):
        windows = [
            one
            for one in listed.windows
            if (one["cluster"], one.get("database", "")) == (cluster, database)
            and one["backup"] in {backup["id"] for backup in backups}
        ]
        backups.sort(key=lambda one: (one["finished_at"], one["id"]))
        objective = request.objective_of(cluster, database)
        found = _database(backups, windows, objective, now)
        yield {
            "repository": location,
            "cluster": cluster,
            "database": database,
            "kind": kind,
            **found,
            "backups": [_brief(one) for one in backups[-request.most_backups :]],
        }


def _database(
    backups: t.Sequence[t.Mapping[str, t.Any]],
    windows: t.Sequence[t.Mapping[str, t.Any]],
    objective: float,
    now: datetime.datetime,
) -> Plain:
    """How one database stands.

    :param backups: the oldest first.
    :return: ``dbms``, ``server_version``, ``objective`` in seconds; ``newest``, the newest good backup of the whole
        database or ``None``; ``age`` of it in seconds (from the moment that it began, which is what a restore loses);
        ``count`` of backups and ``total_size``; ``verification``, the latest one of each level; ``window``, what
        archived logs put within reach, or ``None``; ``problems``, texts; ``state``.
    """
    good = [one for one in backups if one["good"] and not one["options"].get(PARTIAL)]
    newest = good[-1] if good else None
    age = seconds_between(newest["started_at"], _text(now)) if newest is not None else None
    verification = _latest_verifications(backups, now)
    window = _window(windows, newest)
    critical, warnings = [], []
    if newest is None:
        critical.append("there is no good backup")
    elif objective and age is not None and age > objective:
        critical.append("the newest good backup is older than its objective")
    if backups and not backups[-1]["good"]:
        critical.append("the newest backup failed its verification")
    critical += [
        f"the last {one['level']} verification failed: {'; '.join(one['findings'][:3])}"
        for one in verification
        if not one["passed"]
    ]
    if window is not None and window["gap"]:
        warnings.append(f"the archived logs do not reach the present: {window['gap']}")
    if newest is not None and newest["warnings"]:
        warnings.append(f"the newest good backup came with warnings: {'; '.join(newest['warnings'][:3])}")
    return {
        "dbms": backups[-1]["dbms"],
        "server_version": backups[-1]["server"]["version"],
        "objective": objective,
        "newest": _brief(newest) if newest is not None else None,
        "age": age,
        "count": len(backups),
        "total_size": sum(one["size"] for one in backups),
        "verification": verification,
        "window": window,
        "problems": [*critical, *warnings],
        "state": "critical" if critical else "warning" if warnings else "ok",
    }


def _brief(backup: t.Mapping[str, t.Any]) -> Plain:
    """What is shown of one backup among many."""
    return {
        **{name: backup[name] for name in _KEPT},
        "good": backup["good"],
        "partial": bool(backup["options"].get(PARTIAL)),
        "held": backup["hold"] is not None,
        "encrypted": bool(backup["encryption"]),
        "verified_at": backup["verified_at"],
        "warnings": len(backup["warnings"]),
    }


def _latest_verifications(backups: t.Sequence[t.Mapping[str, t.Any]], now: datetime.datetime) -> list[Plain]:
    """The latest look of each level at any of a database's backups."""
    latest: dict[str, Plain] = {}
    for backup in backups:
        for one in backup["verifications"]:
            known = latest.get(one["level"])
            if known is None or parsed(known["verified_at"]) <= parsed(one["verified_at"]):
                latest[one["level"]] = {
                    **one,
                    "backup": backup["id"],
                    "age": seconds_between(one["verified_at"], _text(now)),
                }
    return [latest[level] for level in sorted(latest)]


def _window(windows: t.Sequence[t.Mapping[str, t.Any]], newest: t.Mapping[str, t.Any] | None) -> Plain | None:
    """The time within reach: from the first moment of the oldest window that the newest one continues.

    Windows reach as far as the archive does, so those that end together are one.
    """
    if not windows:
        return None
    chosen = [one for one in windows if newest is not None and one["backup"] == newest["id"]] or [windows[-1]]
    ends, gap = chosen[0]["ends"]["time"], chosen[0]["gap"]
    together = [one for one in windows if one["ends"]["time"] == ends]
    begins = min((one["begins"]["time"] for one in together), key=parsed)
    return {"begins": begins, "ends": ends, "gap": gap, "backups": len(together)}


def _archives(repository: Repository, now: datetime.datetime) -> t.Iterator[Plain]:
    """What archivers of binlogs and of WAL said of themselves when they last looked."""
    storage = repository.storage
    for cluster in repository.clusters():
        there = set(storage.folders(cluster))
        for kind in _ARCHIVES:
            for log in sorted(storage.folders(f"{cluster}/{kind}")) if kind in there else ():
                data = storage.read_small(f"{cluster}/{kind}/{log}/{_STATUS_NAME}", _LARGEST_STATUS)
                if data is not None:
                    yield _archive(data, cluster=cluster, kind=kind[1:], log=log, now=now)


def _archive(data: bytes, *, cluster: str, kind: str, log: str, now: datetime.datetime) -> Plain:
    archive: Plain = {"cluster": cluster, "kind": kind, "log": log}
    try:
        status = json.loads(data)
        updated = datetime.datetime.fromtimestamp(float(status["updated"]), datetime.timezone.utc)
        archive["updated_at"] = _text(updated)
        archive["lag_seconds"] = None if status["lag_seconds"] is None else float(status["lag_seconds"])
        archive["lag_bytes"] = None if status.get("lag_bytes") is None else int(status["lag_bytes"])
        archive["silent"] = max(0.0, (now - updated).total_seconds())
    except (ValueError, RecursionError, KeyError, TypeError, OverflowError):
        return {**archive, "updated_at": "", "lag_seconds": None, "lag_bytes": None, "silent": None, "state": "warning"}
    return {**archive, "state": "ok"}


def _job(status: JobStatus, now: datetime.datetime) -> Plain:
    plain = status.to_dict()
    problems = []
    if status.consecutive_failures and status.last_run is not None:
        message = (status.last_run.error or {}).get("message", "")
        problems.append(f"the last {status.consecutive_failures} of its runs failed: {message}")
    if status.objective and _is_late(status, now):
        problems.append("it has not succeeded within its time")
    return {**plain, "problems": problems, "state": "critical" if problems else "ok"}


def _is_late(status: JobStatus, now: datetime.datetime) -> bool:
    run = status.last_run
    # A host that the job is not for at the moment, such as a primary that became a replica, is not late.
    well = [status.last_success_at, run.finished_at if run is not None and run.outcome == SKIPPED else ""]
    known = [moment for moment in well if moment]
    if not known:
        return status.runs > 0
    return min(seconds_between(moment, _text(now)) for moment in known) > status.objective


def _text(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def name_of(database: t.Mapping[str, t.Any]) -> str:
    """A database as people call it; what belongs to a whole server has no name of its own."""
    if database["database"]:
        suffix = "" if database["kind"] == LOGICAL else f" ({database['kind']})"
        return f"{database['database']}{suffix}"
    return f"({database['kind']})"
