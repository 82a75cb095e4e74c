# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a caller can ask of the PostgreSQL engine: the same fields for modules and command."""

from __future__ import annotations

import dataclasses
import typing as t

from ..lazy_dataclass import dataclass
from .restore_options import RunOptions
from .restore_selection import RestoreSelection
from .restore_session import SessionOptions
from .selection.options import Selection


@dataclass(frozen=True)
class ConnectionOptions:
    """How to reach a PostgreSQL server. An empty field means libpq's own default (environment, passfile, service).

    :param host: host name or address; with :attr:`unix_socket` set it is ignored.
    :param port: TCP port, and the port in the socket's name too.
    :param unix_socket: the folder of the server's socket.
    :param password: never shown, logged or passed on a command line.
    :param maintenance_database: connected to where the target itself does not exist yet.
    :param ssl_mode: one of :data:`.ssl_modes.SSL_MODES`; never weakened.
    :param service: a name in ``pg_service.conf``.
    :param connect_timeout: seconds for establishing the connection; 0 waits forever.
    """

    host: str = ""
    port: int | None = None
    unix_socket: str = ""
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    maintenance_database: str = "postgres"
    ssl_mode: str = ""
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""
    service: str = ""
    passfile: str = ""
    connect_timeout: int = 30


@dataclass(frozen=True)
class DumpSettings:
    """How a dump's sessions are set, and what they read is worded.

    :param role: the role to be while reading, after connecting as another.
    :param encoding: of the backup's text; empty for the database's own, which needs no conversion.
    :param row_security: back up the rows that the user may see, instead of failing where policies hide some.
    :param extra_float_digits: as the server's setting of that name.
    :param quote_all_identifiers: every name goes in double quotes.
    :param dollar_quoting: functions' bodies may stand between dollar quotes.
    :param load_via_partition_root: partitions' rows are loaded into the partitioned table, which finds their places.
    """

    role: str = ""
    encoding: str = ""
    row_security: bool = False
    extra_float_digits: int = 3
    quote_all_identifiers: bool = False
    dollar_quoting: bool = True
    load_via_partition_root: bool = False


@dataclass(frozen=True)
class ScriptForm:
    """What a plain script says of its objects; the other formats hold all of it.

    :param owners: whose they are; with :attr:`session_authorization` by making them as that role.
    :param tablespaces: where tables and indexes are stored; ``access_methods`` how tables are.
    :param disable_triggers: tables' triggers are off while rows are loaded.
    """

    owners: bool = True
    session_authorization: bool = False
    tablespaces: bool = True
    access_methods: bool = True
    disable_triggers: bool = False


@dataclass(frozen=True)
class BackupOptions:
    """What to back up of one database, and in which form.

    :param format: ``custom``, ``directory``, ``tar`` or ``plain``.
    :param compression: as ``--compress`` names it; empty takes the format's default.
    :param archive_version: ``1.12`` to ``1.16``; empty takes the one that the source's own pg_dump writes.
    :param jobs: worker processes; more than one for the format ``directory`` only.
    :param lock_wait_timeout: seconds to wait for the tables' share locks; 0 waits forever.
    :param inserts: store rows as INSERT statements, with the columns' names for :attr:`column_inserts`.
    :param rows_per_insert: the most rows of a statement; 0 for one, or for COPY where no INSERT is asked for.
    :param clean: a plain script drops what it makes first; with :attr:`if_exists`, where that exists.
    :param create: a plain script makes the database too.
    :param restrict: a plain script forbids psql every command of its own that is not the script's.
    :param restrict_key: the key for that, instead of a random one.
    :param snapshot: one that another session exported, instead of a new one.
    :param serializable_deferrable: wait for a snapshot that no serializable transaction can contradict.
    :param selection: what to take of the database.
    :param script: what a plain script says.
    """

    dbms: t.ClassVar[t.Literal["postgresql"]] = "postgresql"

    connection: ConnectionOptions
    database: str
    format: str = "custom"
    compression: str = ""
    archive_version: str = ""
    jobs: int = 1
    lock_wait_timeout: float = 0
    inserts: bool = False
    column_inserts: bool = False
    rows_per_insert: int = 0
    on_conflict_do_nothing: bool = False
    clean: bool = False
    if_exists: bool = False
    create: bool = False
    restrict: bool = True
    restrict_key: str = ""
    snapshot: str = ""
    serializable_deferrable: bool = False
    selection: Selection = dataclasses.field(default_factory=Selection)
    settings: DumpSettings = dataclasses.field(default_factory=DumpSettings)
    script: ScriptForm = dataclasses.field(default_factory=ScriptForm)


@dataclass(frozen=True)
class ClusterBackupOptions:
    """What to back up of a whole server, and in which form.

    :param each: the options for every database; their database is empty.
    :param exclude_databases: patterns (as psql has them) of databases to leave out.
    :param role_passwords: back up the stored passwords of the roles, which need SELECT on ``pg_authid``.
    """

    each: BackupOptions
    exclude_databases: tuple[str, ...] = ()
    role_passwords: bool = True


@dataclass(frozen=True)
class RestoreOptions:
    """Where and how to restore one database.

    :param database: the target, not necessarily the name that was backed up.
    :param create: the target does not exist and is created.
    :param clean: objects of the backup that exist in the target are dropped first.
    :param force: restore into a target that is not empty, as it is.
    :param jobs: worker processes.
    :param source_database: the one to restore of a script of several databases.
    :param create_roles: roles that the backup needs and the server lacks are made out of the backup's set.
    :param properties: give an existing target the owner, settings, comment and privileges of the database that was
        backed up, as a new one gets them.
    :param selection: what of the archive is restored.
    :param session: as whom.
    """

    dbms: t.ClassVar[t.Literal["postgresql"]] = "postgresql"

    connection: ConnectionOptions
    database: str
    create: bool = False
    clean: bool = False
    force: bool = False
    jobs: int = 1
    source_database: str = ""
    create_roles: bool = False
    properties: bool = False
    run: RunOptions = dataclasses.field(default_factory=RunOptions)
    selection: RestoreSelection = dataclasses.field(default_factory=RestoreSelection)
    session: SessionOptions = dataclasses.field(default_factory=SessionOptions)


@dataclass(frozen=True)
class GlobalsRestoreOptions:
    """Where and how to restore what belongs to no database.

    :param force: make roles and tablespaces that exist what the backup says; without it they stay as they are.
    """

    connection: ConnectionOptions
    force: bool = False
