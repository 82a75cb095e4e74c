# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The requests of the module for physical backups, out of its parameters: its state says which job is meant."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from ..physical_backup import PhysicalBackupRequest
from ..physical_combine import CombineRequest
from ..postgresql.wal.archive_job import WalArchiveRequest
from ..wal_restore_plan import WalRestoreRequest
from .given import Given
from .option import DBMS, POSTGRESQL, WAL_ARCHIVE, WAL_BACKUP, WAL_COMBINE
from .options import argument_spec_of_wal, options_of
from .options_wal_restore import WAL_STATES
from .wal_archive import wal_archive_request
from .wal_backup import wal_backup_request
from .wal_combine import wal_combine_request
from .wal_restore import wal_restore_request

Request = t.Union[PhysicalBackupRequest, WalArchiveRequest, CombineRequest, WalRestoreRequest]


def wal_pitr_request(params: t.Mapping[str, t.Any], *, check: bool) -> Request:
    """What the module is to do.

    :param params: by the module's names, with their defaults.
    :raises UsageError: an option means nothing to the state, options contradict each other or a value is not valid.
    """
    state = str(params["state"])
    job = WAL_STATES[state]
    if DBMS.get(params.get("dbms") or POSTGRESQL) != POSTGRESQL:
        raise UsageError("WAL is PostgreSQL's", hint="for MySQL and MariaDB there is the module binlog_pitr")
    known = options_of(job, POSTGRESQL)
    for name, argument in argument_spec_of_wal().items():
        value = params.get(name)
        if name not in known and name not in ("state", "dbms") and value not in (None, argument.get("default")):
            raise UsageError(f"{name} means nothing to the state {state}", hint="leave it out, or take another state")
    given = Given(job, POSTGRESQL, {name: params.get(name) for name in known})
    if job == WAL_BACKUP:
        return wal_backup_request(given, check=check)
    if job == WAL_ARCHIVE:
        return wal_archive_request(given, check=check)
    if job == WAL_COMBINE:
        return wal_combine_request(given, check=check)
    return wal_restore_request(given, check=check)
