# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The vendor's programs behind the interfaces of the backup and the restore job."""

from __future__ import annotations

from ..errors import UsageError
from ..interfaces import BackupSource, RestoreTarget
from ..mysql.options import BackupOptions as MysqlBackupOptions
from ..mysql.options import RestoreOptions as MysqlRestoreOptions
from ..postgresql.options import BackupOptions as PostgresqlBackupOptions
from ..postgresql.options import RestoreOptions as PostgresqlRestoreOptions
from .engine import Engine

# Each system's programs are imported by themselves, as its engine is.


def tools_source(options: object, engine: Engine) -> BackupSource:
    """A database that the vendor's programs back up.

    :raises UsageError: they do not back up what is asked for.
    """
    if isinstance(options, PostgresqlBackupOptions):
        from .postgresql_backup import PostgresqlToolsSource

        return PostgresqlToolsSource(options, engine)
    if isinstance(options, MysqlBackupOptions):
        from .mysql_backup import MysqlToolsSource

        return MysqlToolsSource(options, engine)
    raise UsageError("the vendor's programs back up one database at a time", hint="name it, or use the native engine")


def tools_target(options: PostgresqlRestoreOptions | MysqlRestoreOptions, engine: Engine) -> RestoreTarget:
    """A database that the vendor's programs restore into.

    :raises UsageError: they do not restore as asked for.
    """
    if options.dbms == "postgresql":
        from .postgresql_restore import PostgresqlToolsTarget

        return PostgresqlToolsTarget(options, engine)
    from .mysql_restore import MysqlToolsTarget

    return MysqlToolsTarget(options, engine)
