# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The copy that follows a backup: what was made, or is young enough, goes to a second repository too."""

from __future__ import annotations

import typing as t

from .backup import BackupRequest, BackupResult
from .copies import CopyRequest, CopyResult, copy
from .errors import DbfleetError
from .lazy_dataclass import dataclass
from .progress import Progress

if t.TYPE_CHECKING:
    from .cluster_backup import ClusterBackupRequest, ClusterBackupResult


@dataclass(frozen=True)
class CopiedBackup:
    """What a backup job did, and the copy after it."""

    made: BackupResult | ClusterBackupResult
    copied: CopyResult

    @property
    def changed(self) -> bool:
        return self.made.changed or self.copied.changed

    @property
    def diff(self) -> dict[str, str]:
        made, copied = self.made.diff, self.copied.diff
        return {side: made[side] + copied[side] for side in ("before", "after")}

    def to_dict(self) -> dict[str, t.Any]:
        return {**self.made.to_dict(), "changed": self.changed, "copies": self.copied.to_dict()["copies"]}


def with_copy(
    request: BackupRequest | ClusterBackupRequest, made: BackupResult | ClusterBackupResult, progress: Progress
) -> BackupResult | ClusterBackupResult | CopiedBackup:
    """Copy what a backup job made, if the request says where to.

    :raises DbfleetError: the backup is there and could not be copied.
    """
    destination = request.destination
    if not destination.copy_to:
        return made
    if request.check and made.changed:
        # What does not exist cannot be looked for there.
        return CopiedBackup(made, CopyResult(()))
    if isinstance(made, BackupResult):
        identity, cluster, database = (str(made.backup[name]) for name in ("id", "cluster", "database"))
    else:
        identity, cluster, database = made.set_id, str(made.backups[0]["cluster"]), ""
    wanted = CopyRequest(
        location=destination.repository,
        copy_to=destination.copy_to,
        backup=identity,
        cluster=cluster,
        database=database,
        check=request.check,
        access=destination.access,
    )
    try:
        return CopiedBackup(made, copy(wanted, progress))
    except DbfleetError as error:
        raise type(error)(
            f"backup {identity} is in {destination.repository.partition('?')[0]} and could not be copied: "
            f"{error.message}",
            hint=error.hint,
            **{"backup": identity, **error.context},
        ) from error
    finally:
        progress.finish()
