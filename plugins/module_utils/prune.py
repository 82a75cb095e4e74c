# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Retention: which backups of a repository go, which stay and why, and the removal itself.

request → read the manifests and marks of one server → decide → for every database: lock, sweep, remove → the logs that
no backup needs any more.

Every database is judged for itself, and of a database every kind of backup: one of two tables never takes the place of
a whole one. A set stays together, and its globals stay as long as one backup that was made with them. A database of
which something cannot be read keeps everything, and the job fails when the others are done.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import typing as t

from .errors import CorruptArtifactError, LockedError, NotFoundError, PruneError, UsageError
from .lazy_dataclass import dataclass
from .log_prune import PrunedLogs, prune_logs
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.catalogue import ListedBackup
from .repository.chains import parent_of
from .repository.layout import GLOBALS_FOLDER, escape_name, filed_under
from .repository.marks import HOLD_NAME, VERIFICATIONS_NAME, failed_last, read_hold, read_verifications
from .repository.records import PARTIAL
from .repository.repository import Repository
from .repository.retention import RecoveryPoint, RetentionPolicy, retained

# They shape the file, and not what of the database is in it.
_OPTIONS_OF_FORM = frozenset(("jobs", "archive_version", "compress", "format"))
_MOST_PROBLEMS = 10


@dataclass(frozen=True)
class PruneRequest:
    """Which backups to judge, and by which rules.

    :param location: a repository's path or URL.
    :param cluster, database: only these; empty for all.
    :param newest_within: seconds; of a database whose newest good backup is older, nothing is removed.
    :param force: remove in spite of that.
    :param keep_logs: leave archived WAL and binlogs as they are.
    :param check: say what would be removed, and remove nothing.
    :param access: what it takes to get into the repository.
    """

    location: str
    policy: RetentionPolicy
    cluster: str = ""
    database: str = ""
    newest_within: float | None = None
    force: bool = False
    keep_logs: bool = False
    check: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class PruneResult:
    """What went, or would go, and what stays.

    :param removed, kept: backups as plain data: ``id``, ``kind``, ``cluster``, ``database``, ``path``, ``size``,
        ``started_at``; those that stay with their ``reasons``.
    :param logs: what went of archived WAL and binlogs.
    """

    removed: tuple[t.Mapping[str, t.Any], ...]
    kept: tuple[t.Mapping[str, t.Any], ...]
    before: str
    after: str
    logs: PrunedLogs = dataclasses.field(default_factory=PrunedLogs)

    @property
    def changed(self) -> bool:
        return bool(self.removed or self.logs.removed)

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "changed": self.changed,
            "removed": [dict(one) for one in self.removed],
            "kept": [dict(one) for one in self.kept],
            "freed_bytes": sum(one["size"] for one in self.removed),
            "logs": self.logs.to_dict(),
        }


@dataclass(frozen=True)
class _Backup:
    """What the rules need of a manifest and its marks.

    :param selection: what of the database is inside; empty for all of it.
    :param parent: the id of what an incremental backup builds on.
    """

    folder: str
    url: str
    id: str
    kind: str
    cluster: str
    database: str
    size: int
    started_at: str
    set: str
    selection: str
    failed: str
    verified: bool
    held: str
    parent: str = ""

    def point(self, *bound: str) -> RecoveryPoint:
        return RecoveryPoint(
            id=self.id,
            started=datetime.datetime.fromisoformat(self.started_at),
            failed=self.failed,
            verified=self.verified,
            bound=tuple(filter(None, (self.held, *bound))),
        )

    def summary(self) -> dict[str, t.Any]:
        names = ("id", "kind", "cluster", "database", "size", "started_at", "set")
        return {"path": self.url, **{name: getattr(self, name) for name in names}}


@dataclasses.dataclass
class _Place:
    """The backups in one folder and what is decided of them.

    :param reasons: of those that stay, by id.
    :param problem: why none of them may go.
    """

    folder: str
    backups: list[_Backup]
    problem: str = ""
    reasons: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def is_globals(self) -> bool:
        return self.folder.endswith(f"/{GLOBALS_FOLDER}")

    def keep_all(self, problem: str) -> None:
        self.problem = self.problem or problem
        for backup in self.backups:
            self.reasons[backup.id] = (*self.reasons.get(backup.id, ()), "nothing of it may be removed")

    def going(self) -> list[_Backup]:
        """In the order in which they go: what others build on goes after them."""
        going = [backup for backup in self.backups if backup.id not in self.reasons]
        return going[::-1] if any(backup.parent for backup in going) else going


def prune(request: PruneRequest, progress: Progress) -> PruneResult:
    """Remove the backups that no rule keeps.

    :raises UsageError: there is no rule.
    :raises PruneError: some databases could not be judged or are locked; the others are done.
    """
    if request.policy.is_empty():
        raise UsageError(
            "there is no rule that says what is to stay", hint="give one or more, for example keep_daily 7"
        )
    request.policy.zone()
    repository = Repository(request.location, request.access)
    repository.require()
    now = datetime.datetime.now(datetime.timezone.utc)
    job = _Pruning(repository, request, now, progress)
    outer = [escape_name(request.cluster)] if request.cluster else repository.clusters()
    for cluster in outer:
        job.prune_cluster(cluster)
    if not request.keep_logs and not request.database:
        job.prune_logs()
    if not job.removed and not job.kept and (request.cluster or request.database):
        raise NotFoundError(
            f"the repository {repository.location} holds no backup of that cluster or database",
            hint=f"list what is there: dbfleet info {repository.location}",
        )
    if job.problems:
        raise PruneError(
            f"of {len(job.problems)} databases nothing was removed: " + "; ".join(job.problems[:_MOST_PROBLEMS]),
            hint="the other databases are done; mend what is named and run it again",
            problems=job.problems,
            removed=[backup.url for backup in job.removed],
        )
    return job.result()


class _Pruning:
    """One run over a repository, one server after the other."""

    def __init__(self, repository: Repository, request: PruneRequest, now: datetime.datetime, progress: Progress):
        self._repository = repository
        self._request = request
        self._now = now
        self._progress = progress
        self.removed: list[_Backup] = []
        self.kept: list[tuple[_Backup, tuple[str, ...]]] = []
        self.problems: list[str] = []
        self.logs = PrunedLogs()
        self._unclear: set[str] = set()

    def prune_cluster(self, cluster: str) -> None:
        """Judge and prune one server's backups.

        :param cluster: the name of its folder.
        """
        folders = self._repository.database_folders_of(cluster)
        if self._request.database:
            # The globals are read too: they say which sets stay.
            wanted = {escape_name(self._request.database), GLOBALS_FOLDER}
            folders = [folder for folder in folders if folder.partition("/")[2] in wanted]
        places = [self._read(folder) for folder in folders]
        self._decide(places)
        problems = len(self.problems)
        # The record of a set goes before its members: what is left of it then are valid single backups.
        for place in sorted(places, key=lambda place: not place.is_globals):
            if not (self._request.database and place.is_globals):
                self._prune_place(place)
        if len(self.problems) > problems:
            self._unclear.update(backup.cluster for place in places for backup in place.backups)

    def prune_logs(self) -> None:
        """Have the logs go that no backup needs which stays; of a server that is not done, all of them stay."""
        gone = frozenset(backup.folder for backup in self.removed)
        clusters = {backup.cluster for backup in (*self.removed, *(one for one, _why in self.kept))}
        for cluster in sorted(clusters - self._unclear):
            prune_logs(
                self._repository,
                cluster,
                gone=gone,
                check=self._request.check,
                pruned=self.logs,
                progress=self._progress,
            )
        self.problems += self.logs.problems

    def result(self) -> PruneResult:
        lines = {backup.url: f"{backup.url}: {', '.join(why)}\n" for backup, why in self.kept}
        going = {backup.url: f"{backup.url}\n" for backup in self.removed}
        going.update((one["path"], f"{one['path']}\n") for one in self.logs.removed)
        return PruneResult(
            removed=tuple(backup.summary() for backup in self.removed),
            kept=tuple({**backup.summary(), "reasons": list(why)} for backup, why in self.kept),
            before="".join(line for _url, line in sorted({**lines, **going}.items())),
            after="".join(line for _url, line in sorted(lines.items())),
            logs=self.logs,
        )

    def _read(self, folder: str) -> _Place:
        damaged: list[CorruptArtifactError] = []
        place = _Place(folder, [])
        for listed in self._repository.catalogue(folder).backups(damaged.append):
            try:
                place.backups.append(self._backup(listed))
            except CorruptArtifactError as error:
                damaged.append(error)
        place.backups = _with_broken_chains(place.backups)
        if damaged:
            place.keep_all(f"{self._repository.storage.url(folder)}: {damaged[0].message}")
        return place

    def _backup(self, listed: ListedBackup) -> _Backup:
        manifest, storage, marks = listed.manifest, self._repository.storage, listed.marks
        hold = read_hold(storage, listed.folder) if HOLD_NAME in marks else None
        verifications = read_verifications(storage, listed.folder) if VERIFICATIONS_NAME in marks else ()
        failed = failed_last(verifications)
        options = manifest.contents.options
        chosen = {name: value for name, value in options.items() if name not in _OPTIONS_OF_FORM}
        held = ""
        if hold is not None and hold.holds(self._now):
            held = " ".join(filter(None, ("on hold", hold.until and f"until {hold.until}", hold.reason)))
        return _Backup(
            folder=listed.folder,
            url=listed.url,
            id=manifest.id,
            kind=manifest.kind,
            cluster=manifest.cluster,
            database=manifest.database,
            size=listed.size,
            started_at=manifest.started_at,
            set=manifest.set,
            selection=json.dumps(chosen, sort_keys=True) if options.get(PARTIAL) else "",
            failed="; ".join(failed.findings[:1]) or failed.level if failed else "",
            verified=failed is None and any(one.passed for one in verifications),
            held=held,
            parent=parent_of(manifest),
        )

    def _decide(self, places: t.Sequence[_Place]) -> None:
        shared = [place for place in places if place.is_globals]
        kept_sets: set[str] = set()
        for place in shared:
            self._judge(place, lambda _backup: ())
            kept_sets.update(place.reasons)
        unknown_sets = any(place.problem for place in shared)

        def of_set(backup: _Backup) -> tuple[str, ...]:
            if backup.set and (unknown_sets or backup.set in kept_sets):
                return (f"part of the set {backup.set}",)
            return ()

        for place in places:
            if not place.is_globals:
                self._judge(place, of_set)
        staying = {
            backup.set
            for place in places
            if not place.is_globals
            for backup in place.backups
            if backup.id in place.reasons
        }
        for place in shared:
            for backup in place.going():
                if backup.id in staying:
                    place.reasons[backup.id] = ("a backup that was made with it stays",)

    def _judge(self, place: _Place, bound: t.Callable[[_Backup], tuple[str, ...]]) -> None:
        def selection(backup: _Backup) -> tuple[str, str]:
            return (backup.kind, backup.selection)

        for (_kind, part), group in itertools.groupby(sorted(place.backups, key=selection), key=selection):
            backups = list(group)
            reasons = retained([one.point(*bound(one)) for one in backups], self._request.policy, now=self._now)
            place.reasons.update(reasons)
            if not part:
                self._guard(place, backups)
        _keep_chains(place)
        if place.problem:
            place.keep_all(place.problem)

    def _guard(self, place: _Place, backups: t.Sequence[_Backup]) -> None:
        """Remove nothing where backups have stopped coming: what is left is then all there is."""
        within = self._request.newest_within
        if within is None or self._request.force:
            return
        newest = max((one.started_at for one in backups if not one.failed), default="")
        age = self._now - datetime.datetime.fromisoformat(newest) if newest else None
        if age is None or age.total_seconds() > within:
            told = f"is {age.days} d {age.seconds // 3600} h old" if age is not None else "does not exist"
            place.problem = f"{self._repository.storage.url(place.folder)}: the newest good backup {told}"

    def _prune_place(self, place: _Place) -> None:
        going = place.going()
        if place.problem:
            self.problems.append(place.problem)
        removed: list[_Backup] = []
        if self._request.check:
            removed = going
        elif going:
            try:
                self._remove(place, going, removed)
            except (LockedError, CorruptArtifactError) as error:
                self.problems.append(f"{self._repository.storage.url(place.folder)}: {error.message}")
        self.removed.extend(removed)
        gone = {backup.id for backup in removed}
        for backup in place.backups:
            if backup.id not in gone:
                self.kept.append((backup, place.reasons.get(backup.id, ("could not be removed",))))

    def _remove(self, place: _Place, going: t.Sequence[_Backup], removed: list[_Backup]) -> None:
        first = going[0]
        database = filed_under(first.kind, first.database)
        with self._repository.lock(first.cluster, database, purpose="prune") as lock:
            for name in self._repository.sweep(first.cluster, database):
                self._progress.message(f"swept {name}, left behind by a job that died")
            for backup in going:
                hold = read_hold(self._repository.storage, backup.folder)
                if hold is not None and hold.holds(self._now):
                    place.reasons[backup.id] = ("on hold",)
                    continue
                lock.check()
                self._progress.message(f"removing {backup.url}")
                self._repository.storage.remove(backup.folder)
                removed.append(backup)
            self._repository.catalogue(place.folder).refresh()


def _with_broken_chains(backups: t.Sequence[_Backup]) -> list[_Backup]:
    """The backups, those marked as bad that build on what is bad or gone."""
    judged: dict[str, _Backup] = {}
    for backup in backups:
        parent = judged.get(backup.parent)
        if backup.parent and not backup.failed and (parent is None or parent.failed):
            cause = "is gone" if parent is None else "is bad"
            backup = dataclasses.replace(backup, failed=f"{backup.parent}, which it builds on, {cause}", verified=False)
        judged[backup.id] = backup
    return list(judged.values())


def _keep_chains(place: _Place) -> None:
    """Let what a kept backup builds on stay too."""
    there = {backup.id for backup in place.backups}
    # Older ones have smaller ids, so that one pass goes down the whole chain.
    for backup in sorted(place.backups, key=lambda one: one.id, reverse=True):
        if backup.id in place.reasons and backup.parent in there:
            known = place.reasons.get(backup.parent, ())
            place.reasons[backup.parent] = (*known, f"{backup.id} builds on it")
