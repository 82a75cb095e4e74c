# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Whose turn it is: of the hosts of a cluster that have the same job, one makes the backup of each round.

The hosts know nothing of each other. Their timers fire at about the same time, and each looks into the repository that
all of them write to: at a record of who did the job last, and at a lock that the one who does it holds. The host whose
server is of the preferred role begins at once, another one only if the round was not served within a time, and a
replica that is behind, whose backup would be an old one, after twice that time: better an old one than none.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import time
import typing as t

from ..errors import CorruptArtifactError, LockedError
from ..lazy_dataclass import dataclass
from ..repository.layout import LOCK_NAME, escape_name, filed_under
from ..repository.lock import RepositoryLock
from ..repository.repository import Repository
from ..repository.sealed import load_sealed, seal
from ..repository.sets import missing_members
from .job import now_text, seconds_since

PRIMARY, REPLICA = "primary", "replica"
#: Hosts whose timers fire within this time of each other serve the same round.
STAND_IN_AFTER = 3600.0
#: A replica further behind is not a healthy one.
MAX_LAG = 300.0
# No backup's folder begins with a dot, so nobody takes this one for a database's.
_FOLDER = ".rounds"
_VERSION_KEY, _VERSION = "round_version", 1
_LARGEST = 1 << 20
_LONGEST_POLL = 30.0


@dataclass(frozen=True)
class Preference:
    """Which server of a cluster the backup is made on.

    :param role: ``primary`` or ``replica``.
    :param stand_in_after: the seconds after which a server of the other role does it.
    :param max_lag: the seconds that a healthy replica is behind at most.
    """

    role: str
    stand_in_after: float = STAND_IN_AFTER
    max_lag: float = MAX_LAG


@dataclass(frozen=True)
class Standing:
    """What a server is at this moment.

    :param role: ``primary`` or ``replica``.
    :param lag: the seconds that a replica is behind; ``None`` where it gets nothing, or nobody can tell.
    """

    role: str
    lag: float | None = 0.0

    def rank(self, preference: Preference) -> int:
        """How many others go first: 0 for the preferred role, 1 for the other one, 2 for a replica that is behind."""
        if self.role == REPLICA and (self.lag is None or self.lag > preference.max_lag):
            return 2
        return 0 if self.role == preference.role else 1

    def describe(self) -> str:
        if self.role == PRIMARY:
            return "the primary"
        if self.lag is None:
            return "a replica that gets nothing from its primary"
        return f"a replica that is {self.lag:.0f} s behind"


@dataclass(frozen=True)
class Served:
    """The round that was served last.

    :param host: who did it; ``started_at`` when, ISO 8601 in UTC.
    :param backups: what it made: ``kind``, ``database`` and ``id`` of each; of a set, its globals first.
    """

    host: str
    started_at: str
    backups: tuple[t.Mapping[str, str], ...]

    def describe(self) -> str:
        return f"{self.host} has made {self.backups[0]['id']} in this round, begun at {self.started_at}"


class Rounds:
    """What hosts with the same job know of each other, by the repository that they share.

    :param job: what it does, for example ``backup``.
    :param name: the job's, the same on all of them.
    """

    def __init__(self, repository: Repository, cluster: str, job: str, name: str) -> None:
        self._repository = repository
        self._cluster = cluster
        self._name = name
        folder, own = f"{escape_name(cluster)}/{_FOLDER}", f"{job}-{escape_name(name)}"
        self._record_path = f"{folder}/{own}.json"
        self._lock_path = f"{folder}/{LOCK_NAME}-{own}"

    def lock(self) -> RepositoryLock:
        """What the host that serves a round holds."""
        self._repository.initialise()
        return RepositoryLock(self._repository.storage, self._lock_path, purpose=f"the job {self._name}")

    def record(self, started_at: str, data: t.Mapping[str, t.Any]) -> None:
        """Say that this host has served a round; the caller holds the lock.

        :param data: the result of the job.
        """
        made = data.get("backups") if data.get("set") else [data["backup"]]
        backups = [{name: one[name] for name in ("kind", "database", "id")} for one in made or ()]
        if data.get("set"):
            backups.insert(0, {"kind": "globals", "database": "", "id": data["set"]})
        fields = {"host": socket.gethostname(), "started_at": started_at, "backups": backups}
        self._repository.storage.write_small(self._record_path, seal({_VERSION_KEY: _VERSION, **fields}))

    def served(self, *, within: float) -> Served | None:
        """The round that was begun within the last seconds, if all that it made is there and none of it is bad.

        :raises StorageError: the repository cannot be read.
        """
        found = self._last()
        if found is None or not found.backups or seconds_since(found.started_at) > within:
            return None
        return found if all(self._is_good(one) for one in found.backups) else None

    def _last(self) -> Served | None:
        data = self._repository.storage.read_small(self._record_path, _LARGEST)
        if data is None:
            return None
        what = self._repository.storage.url(self._record_path)
        # One that is damaged, or of a later version, tells nothing: a backup too many is better than none.
        with contextlib.suppress(CorruptArtifactError, KeyError, TypeError, ValueError):
            fields = load_sealed(data, what=what, version_key=_VERSION_KEY, version=_VERSION)
            datetime.datetime.fromisoformat(fields["started_at"])
            return Served(str(fields["host"]), fields["started_at"], tuple(dict(one) for one in fields["backups"]))
        return None

    def _is_good(self, one: t.Mapping[str, str]) -> bool:
        with contextlib.suppress(CorruptArtifactError):
            entry = self._repository.entry(self._cluster, filed_under(one["kind"], one["database"]), one["id"])
            if entry is not None:
                whole = not missing_members(self._repository, entry.manifest)
                return whole and self._repository.failed(entry) is None
        return False


def waits_for(rounds: Rounds, preference: Preference, standing: Standing) -> str:
    """What this host would wait for, or why it would do nothing at all; empty if it would begin at once."""
    served = rounds.served(within=preference.stand_in_after)
    if served is not None:
        return served.describe()
    rank = standing.rank(preference)
    if not rank:
        return ""
    return (
        f"this server is {standing.describe()}, and stands in for a {preference.role} "
        f"where there is no backup after {rank * preference.stand_in_after:.0f} s"
    )


def take_turn(
    rounds: Rounds,
    preference: Preference,
    standing: t.Callable[[], Standing],
    held: contextlib.ExitStack,
    say: t.Callable[[str], None],
) -> str:
    """Wait until it is this host's turn, or until another one has served the round.

    :param standing: asks the server, which may change its role meanwhile.
    :param held: gets the lock that is to be held while the job runs.
    :param say: is told what is being waited for.
    :return: why there is nothing to do; empty where the job is to run now.
    :raises StorageError: the repository cannot be read or written.
    """
    began_at, began = now_text(), time.monotonic()
    poll = min(_LONGEST_POLL, max(0.2, preference.stand_in_after / 100))
    said = ""
    while True:
        served = rounds.served(within=preference.stand_in_after + seconds_since(began_at))
        if served is not None:
            return served.describe()
        now = standing()
        left = began + now.rank(preference) * preference.stand_in_after - time.monotonic()
        words = f"{now.describe()} waits for a {preference.role}'s backup"
        if left <= 0:
            words = "another host is at work"
            with contextlib.suppress(LockedError), contextlib.ExitStack() as taken:
                taken.enter_context(rounds.lock())
                # Between the look and the lock another one may have ended.
                served = rounds.served(within=preference.stand_in_after + seconds_since(began_at))
                if served is not None:
                    return served.describe()
                held.push(taken.pop_all())
                return ""
        if words != said:
            say(words)
            said = words
        time.sleep(poll if left <= 0 else min(poll, left))
