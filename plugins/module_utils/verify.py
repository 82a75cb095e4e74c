# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The verification of backups: of one, or of the newest of every database of a repository.

request → find the backups → for each: checksums, structure or a restore drill → keep the verdict beside the backup.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from .checksums import verify_checksums
from .drill import Drill, hold_drill
from .errors import (
    ConnectError,
    CorruptArtifactError,
    DbfleetError,
    NotFoundError,
    QueryError,
    RestoreError,
    UsageError,
    VerificationError,
)
from .lazy_dataclass import dataclass
from .progress import Progress
from .release import VERSION
from .repository.artifact import StoredArtifact, stored_artifact
from .repository.layout import LOGICAL, PHYSICAL
from .repository.marks import LEVELS, Verification, add_verification
from .repository.records import PARTIAL, Manifest
from .repository.repository import CatalogueEntry, Repository
from .restore import Origin, open_origin
from .structure import verify_structure

CHECKSUMS, STRUCTURE, RESTORE = LEVELS
NEWEST = "latest"
ALL = "all"

# Lack of resources, an operator's intervention, errors of the system, a lost connection, a lost race.
_SQLSTATES_OF_SERVER = ("53", "57", "58", "08", "40")
# Disk full, table full, out of memory, lost connections, a shutdown, a deadlock, a lock that was waited for too long.
_ERRNOS_OF_SERVER = frozenset((1021, 1037, 1041, 1053, 1114, 1205, 1213, 1317, 2006, 2013))
_MOST_NAMED = 10


@dataclass(frozen=True)
class VerifyRequest:
    """Which backups to verify, and how thoroughly.

    :param origin: a source, or a repository; its backup is an id, :data:`NEWEST` for that of every database in
        question, or :data:`ALL`.
    :param level: one of :data:`.marks.LEVELS`.
    :param dbms: of a source without a manifest.
    :param drill: for the level ``restore``.
    :param record: keep the verdict beside a backup of a repository.
    :param check: say which backups would be verified.
    """

    origin: Origin
    level: str = STRUCTURE
    dbms: str = ""
    drill: Drill | None = None
    record: bool = True
    check: bool = False


@dataclass(frozen=True)
class VerifyResult:
    """The verdicts as plain data; in check mode without ``passed``, ``findings``, ``verified_at`` and ``duration``."""

    verifications: tuple[t.Mapping[str, t.Any], ...]

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": False, "verifications": [dict(one) for one in self.verifications]}


@dataclass(frozen=True)
class _Candidate:
    """A backup to be verified.

    :param entry: where it is in a repository, ``None`` for a source.
    """

    artifact: StoredArtifact
    origin: Origin
    entry: CatalogueEntry | None

    def name(self) -> dict[str, t.Any]:
        manifest = self.artifact.manifest
        known = (
            {} if manifest is None else {"id": manifest.id, "cluster": manifest.cluster, "database": manifest.database}
        )
        return {**known, "path": self.entry.url if self.entry else self.artifact.description}


def verify(request: VerifyRequest, progress: Progress) -> VerifyResult:
    """Verify the backups that the request names.

    :raises VerificationError: some are not what they must be; all of them were looked at.
    :raises DbfleetError: one could not be verified, which says nothing about it.
    """
    if request.level == RESTORE and request.drill is None:
        raise UsageError("a restore drill needs a server", hint="say how to reach one, or that one is to be started")
    repository = Repository(request.origin.repository, request.origin.access) if request.origin.repository else None
    damaged: list[CorruptArtifactError] = []
    candidates = _candidates(request, repository, damaged)
    if request.check:
        return VerifyResult(tuple({**one.name(), "level": _level(request, one)} for one in candidates))
    results = [_of_damaged_manifest(request, error) for error in damaged]
    try:
        for candidate in candidates:
            verdict = _verdict(request, candidate, progress)
            if repository is not None and candidate.entry is not None and request.record:
                add_verification(repository.storage, candidate.entry.folder, verdict)
            results.append({**candidate.name(), **vars(verdict), "findings": list(verdict.findings)})
    finally:
        progress.finish()
    failed = [one for one in results if not one["passed"]]
    if failed:
        named = "; ".join(f"{one['path']}: {', '.join(one['findings'][:3])}" for one in failed[:_MOST_NAMED])
        raise VerificationError(
            f"{len(failed)} of {len(results)} backups failed their verification: {named}",
            hint="do not rely on them; make new backups, and find out what damaged these",
            verifications=results,
        )
    return VerifyResult(tuple(results))


def is_finding(error: BaseException) -> bool:
    """Whether an error tells something of the backup, and not of the server or the network it was looked at with."""
    if isinstance(error, CorruptArtifactError):
        return True
    cause = error.__cause__
    if isinstance(cause, DbfleetError) and not is_finding(cause):
        return False
    if isinstance(error, QueryError):
        state, number = str(error.context.get("sqlstate", "")), error.context.get("errno")
        return not state.startswith(_SQLSTATES_OF_SERVER) and number not in _ERRNOS_OF_SERVER
    return isinstance(error, RestoreError) and not isinstance(error, ConnectError)


def _of_damaged_manifest(request: VerifyRequest, error: CorruptArtifactError) -> dict[str, t.Any]:
    """The verdict on a backup of which only the folder is known."""
    verdict = Verification(request.level, _now(), False, (error.message,), VERSION)
    return {"path": error.context.get("path", ""), **vars(verdict), "findings": [error.message]}


def _candidates(
    request: VerifyRequest, repository: Repository | None, damaged: list[CorruptArtifactError]
) -> list[_Candidate]:
    origin = request.origin
    if repository is None:
        artifact = open_origin(origin)
        return [_Candidate(artifact, origin, None)]
    repository.require()
    if origin.backup not in (NEWEST, ALL):
        entries = [repository.find(origin.backup, cluster=origin.cluster, database=origin.database)]
    else:
        entries = []
        for folder in repository.database_folders(origin.cluster, origin.database):
            found = _found(repository, folder, origin.backup, damaged)
            entries += [
                entry for entry in found if request.level != RESTORE or _can_be_drilled(request, entry.manifest)
            ]
    if not entries and not damaged:
        raise NotFoundError(
            f"the repository {repository.location} holds no such backup",
            hint=f"list what is there: dbfleet info {repository.location}",
        )
    return [
        _Candidate(stored_artifact(repository, entry), _origin_of(origin, entry.manifest), entry) for entry in entries
    ]


def _found(
    repository: Repository, folder: str, backup: str, damaged: list[CorruptArtifactError]
) -> list[CatalogueEntry]:
    """All backups in a folder, or the newest whole one, good or bad: it is the one that the next night depends on."""
    if backup == ALL:
        return list(repository.entries_in(folder, on_damage=damaged.append))
    entries = repository.entries_in(folder, newest_first=True, on_damage=damaged.append)
    whole = next((entry for entry in entries if not entry.manifest.contents.options.get(PARTIAL)), None)
    return [] if whole is None else [whole]


def _origin_of(origin: Origin, manifest: Manifest) -> Origin:
    return dataclasses.replace(origin, cluster=manifest.cluster, database=manifest.database, backup=manifest.id)


def _level(request: VerifyRequest, candidate: _Candidate) -> str:
    manifest = candidate.artifact.manifest
    if request.level == RESTORE and manifest is not None and not _can_be_drilled(request, manifest):
        # They belong to a whole server, of which there is none to spare.
        return STRUCTURE
    return request.level


def _can_be_drilled(request: VerifyRequest, manifest: Manifest) -> bool:
    """Whether there is where it can be restored to: a whole server needs one that is started for it."""
    is_own = request.drill is not None and request.drill.options is None
    return manifest.kind == LOGICAL or (manifest.kind == PHYSICAL and is_own)


def _verdict(request: VerifyRequest, candidate: _Candidate, progress: Progress) -> Verification:
    started = time.monotonic()
    level = _level(request, candidate)
    progress.message(f"verifying {candidate.name()['path']}: {level}")
    findings: list[str]
    try:
        findings = _look(request, candidate, level, progress)
    except DbfleetError as error:
        if not is_finding(error):
            error.context.setdefault("backup", candidate.name()["path"])
            raise
        findings = [error.message]
    return Verification(
        level=level,
        verified_at=_now(),
        passed=not findings,
        findings=tuple(findings),
        engine_version=VERSION,
        duration=round(time.monotonic() - started, 3),
    )


def _look(request: VerifyRequest, candidate: _Candidate, level: str, progress: Progress) -> list[str]:
    artifact, manifest = candidate.artifact, candidate.artifact.manifest
    if level == RESTORE and request.drill is not None:
        if manifest is not None and manifest.kind == PHYSICAL:
            # Who verifies other backups does without all that it takes.
            from .physical_drill import hold_physical_drill

            return hold_physical_drill(request.drill, candidate.origin, manifest, progress)
        return hold_drill(request.drill, candidate.origin, artifact, manifest, progress)
    if manifest is None and level == CHECKSUMS:
        raise UsageError(
            f"{artifact.description} has no manifest, and so no checksums", hint="verify its structure instead"
        )
    if manifest is not None:
        verify_checksums(artifact, manifest, progress)
    if level == STRUCTURE:
        artifact.require_identity()
        verify_structure(artifact, manifest, progress, dbms=request.dbms)
    return []


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
