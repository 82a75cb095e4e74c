# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The restore drill of a physical backup: restored into a private folder, recovered by a server, removed again."""

from __future__ import annotations

import os

from .drill import Drill
from .errors import NotFoundError, RestoreError
from .local_server.process import PrivateFolder
from .postgresql.physical_restore.recovery import RecoveryTarget
from .progress import Progress
from .repository.records import Manifest
from .restore import Origin
from .wal_restore import restore_physical
from .wal_restore_plan import WalRestoreRequest

_ACCOUNT = "postgres"


def hold_physical_drill(drill: Drill, origin: Origin, manifest: Manifest, progress: Progress) -> list[str]:
    """Restore the backup with those it builds on, have a server recover it until it is consistent, remove it.

    :returns: what is wrong with it; nothing, because what is wrong is an error.
    :raises NotFoundError: the programs of the backup's version are not on this host, or the server does not start.
    :raises DbfleetError: it could not be restored or recovered; see :func:`.verify.is_finding` for whose fault that is.
    """
    if drill.queries:
        progress.warn(
            f"the queries are not asked of {manifest.id}: it holds a whole server, and they are for a database"
        )
    folder = PrivateFolder(drill.scratch_folder, (_ACCOUNT,))
    try:
        tablespaces = [str(one["oid"]) for one in manifest.contents.options.get("tablespaces") or ()]
        request = WalRestoreRequest(
            data_folder=os.path.join(folder.path, "data"),
            target=RecoveryTarget(immediate=True),
            repository=origin.repository,
            cluster=origin.cluster,
            source=origin.source,
            backup=manifest.id,
            owner=folder.user_name,
            tablespace_mapping=tuple((oid, os.path.join(folder.path, f"tablespace-{oid}")) for oid in tablespaces),
            # Nothing of a drill may get into the archive of the real server.
            archive_off=True,
            recover=True,
            server_programs=drill.server_programs,
            access=origin.access,
        )
        restore_physical(request, progress)
    except RestoreError as error:
        if error.context.get("began", True):
            raise
        # The backup has not been tried, so nothing is said of it.
        raise NotFoundError(
            f"the server for the drill does not start: {error.message}",
            hint="its settings came with the backup; see what this host lacks for them, or drill on another host",
        ) from error
    finally:
        folder.remove()
    return []
