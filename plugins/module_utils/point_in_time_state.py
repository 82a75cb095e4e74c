# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a job that goes back to a moment records, so that it can be gone on with: nothing is applied twice.

Lines: the backup; that it is restored; by whom its transactions are being applied; where that stopped. Between the last
two nobody knows how far a job came that was killed, unless the server itself keeps count.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import typing as t

from .errors import RestoreError
from .mysql.binlog.applier_names import REPLICA
from .mysql.binlog.replay_plan import ReplayPlan
from .mysql.binlog.replica_applier import remaining
from .state_file import StateFile

_BACKUP, _RESTORED, _APPLIER, _STOPPED = "backup", "restored", "applier", "stopped"


class PointInTimeState:
    """The record of one job.

    :param folder: where records lie.
    :param job: everything that must be the same for the job to be the same one.
    :raises LockedError: the same job is running.
    :raises StorageError, CorruptArtifactError: the record cannot be read.
    """

    def __init__(self, folder: str, job: t.Mapping[str, t.Any]) -> None:
        key = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()
        self._file = StateFile(os.path.join(folder, f"point-in-time-{key[:32]}.jsonl"), key)

    @property
    def backup(self) -> str:
        """The id of the backup that an earlier run has chosen, empty for none."""
        return str(self._last(_BACKUP) or "")

    @property
    def is_restored(self) -> bool:
        """Whether an earlier run has restored it."""
        return bool(self._last(_RESTORED))

    @property
    def applier(self) -> str:
        """Who was applying transactions when an earlier run ended without saying where; empty for nobody."""
        lines = self._file.lines
        return str(lines[-1].get(_APPLIER) or "") if lines else ""

    def chosen(self, backup: str) -> None:
        """The backup is known, and is being restored."""
        if not self._file.resumable:
            self._file.begin()
            self._add({_BACKUP: backup})

    def restored(self) -> None:
        """The backup is restored."""
        self._add({_RESTORED: True})

    def applying(self, applier: str) -> None:
        """Transactions are about to be applied."""
        self._add({_APPLIER: applier})

    def stopped(self, file: str, position: int) -> None:
        """The transaction there failed and was rolled back; all before it are applied."""
        self._add({_STOPPED: [file, position]})

    def done(self) -> None:
        """The job is complete."""
        self._file.remove()

    def left_of(self, plan: ReplayPlan, *, counted: bool) -> ReplayPlan:
        """What of a plan is to be applied yet.

        :param counted: the target leaves out what it has.
        :raises RestoreError: the earlier run was killed, and nobody knows how far it came.
        """
        if self.applier and self.applier != REPLICA and not counted:
            raise RestoreError(
                "an earlier run was killed while it applied transactions, and nobody knows how far it came",
                hint="restore again from the beginning: drop the database, and leave resume out or remove "
                f"{self._file.path}",
            )
        place = self._last(_STOPPED)
        return plan if place is None else remaining(plan, str(place[0]), int(place[1]))

    def close(self) -> None:
        self._file.close()

    def _add(self, line: dict[str, t.Any]) -> None:
        self._file.add(line)
        self._file.lines.append(line)

    def _last(self, key: str) -> t.Any:
        return next((line[key] for line in reversed(self._file.lines) if key in line), None)


@contextlib.contextmanager
def recorded(folder: str, job: t.Mapping[str, t.Any]) -> t.Iterator[PointInTimeState | None]:
    """The record of a job, if there is to be one.

    :param folder: empty for none.
    """
    if not folder:
        yield None
        return
    state = PointInTimeState(folder, job)
    try:
        yield state
    finally:
        state.close()
