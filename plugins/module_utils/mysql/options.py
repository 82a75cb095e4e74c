# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a caller can ask of the MySQL and MariaDB engine: the same fields for modules and command."""

from __future__ import annotations

import dataclasses
import typing as t

from ..lazy_dataclass import dataclass
from .choices import KEEP
from .load_options import LoadOptions


@dataclass(frozen=True)
class ConnectionOptions:
    """How to reach a MySQL or MariaDB server.

    Explicit fields win over the option file, which wins over the built-in defaults (localhost, 3306).

    :param host: host name or address; with :attr:`unix_socket` set it is ignored.
    :param port: TCP port.
    :param unix_socket: the path of the server's socket.
    :param password: never shown, logged or passed on a command line.
    :param option_file: a ``my.cnf``; its groups ``[client]`` and :attr:`option_group` are read.
    :param ssl_mode: one of :data:`.ssl_modes.SSL_MODES`; never weakened.
    :param connect_timeout: seconds for establishing the connection.
    """

    host: str = ""
    port: int | None = None
    unix_socket: str = ""
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    option_file: str = ""
    option_group: str = ""
    ssl_mode: str = ""
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""
    connect_timeout: int = 30


@dataclass(frozen=True)
class Selection:
    """What of a database is backed up; everything by default. Names are patterns of :mod:`.name_pattern`.

    :param tables: only these tables, views and sequences, with their triggers; no routines and events then.
    :param exclude_tables: not these.
    :param exclude_table_data: of these tables the definitions only.
    :param where: a condition in SQL that the rows of every table must meet.
    :param dump_history: the old rows of system-versioned tables too.
    :param schema_only: definitions, no rows.
    :param data_only: rows, no definitions.
    """

    tables: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    exclude_table_data: tuple[str, ...] = ()
    where: str = ""
    dump_history: bool = False
    schema_only: bool = False
    data_only: bool = False
    skip_triggers: bool = False
    skip_routines: bool = False
    skip_events: bool = False
    skip_views: bool = False

    @property
    def is_a_part(self) -> bool:
        """Only what is named is taken, or only rows or definitions: made for one occasion, not the database's backup.

        Leaving out is not meant: whoever leaves the rows of a log out does so in every backup.
        """
        return bool(self.tables or self.where or self.schema_only or self.data_only)


# How many bytes of rows, as the server sends them, one INSERT statement holds at most.
STATEMENT_SIZE = 768 << 10


@dataclass(frozen=True)
class ScriptForm:
    """How the statements look.

    :param insert: ``INSERT``, ``INSERT IGNORE`` or ``REPLACE``.
    :param complete_insert: every INSERT names its columns.
    :param extended_insert: many rows in one statement.
    :param statement_size: bytes of rows, as the server sends them, in one statement at most; a row is never divided.
    :param order_by_primary: rows in the order of the primary key, or of the first unique one without NULL.
    :param add_drop_table: a table that exists is dropped before it is made.
    :param add_locks: each table is locked while its rows are inserted.
    :param disable_keys: other keys than unique ones of MyISAM tables are made after the rows.
    :param autocommit: false makes the rows of each table one transaction.
    """

    insert: str = "INSERT"
    complete_insert: bool = False
    extended_insert: bool = True
    statement_size: int = STATEMENT_SIZE
    order_by_primary: bool = False
    add_drop_table: bool = True
    add_locks: bool = True
    disable_keys: bool = True
    autocommit: bool = True

    def as_record(self) -> dict[str, object]:
        """For the manifest: what is not as by default."""
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: value for name, value in dataclasses.asdict(self).items() if value != usual[name]}


DEFAULT_FORM = ScriptForm()

# How a position stands in the script: not at all, as a statement, or as a comment.
LEFT_OUT, STATEMENT, COMMENT = 0, 1, 2


@dataclass(frozen=True)
class PositionForm:
    """Which positions for replication are in the script; the manifest always has them.

    :param source_data: how the binlog's position stands there: :data:`LEFT_OUT`, :data:`STATEMENT` or :data:`COMMENT`.
    :param gtid_purged: one of :data:`.choices.GTID_PURGED`; ``auto`` is ``on`` where the server uses GTIDs.
    :param dump_replica: how the position of a replica's own source stands there; the manifest has it too, and finding
        it out fails where the server is no replica.
    """

    source_data: int = COMMENT
    gtid_purged: str = "commented"
    dump_replica: int = LEFT_OUT


DEFAULT_POSITIONS = PositionForm()


@dataclass(frozen=True)
class BackupOptions:
    """What to back up of one database, and in which form.

    :param format: ``plain`` or ``directory``.
    :param compression: as ``--compress`` names it; empty takes the format's default.
    :param jobs: worker processes; the format ``plain`` is one stream and takes no more than one.
    :param selection: what of it.
    :param form: how the statements look.
    :param positions: which positions for replication are in the script.
    :param lock_tables: tables that no snapshot covers (MyISAM, Aria, MEMORY and others) are locked against writing
        while they are read; without, a database with rows in such tables is refused.
    """

    dbms: t.ClassVar[t.Literal["mysql"]] = "mysql"

    connection: ConnectionOptions
    database: str
    format: str = "plain"
    compression: str = ""
    jobs: int = 1
    lock_tables: bool = False
    selection: Selection = Selection()
    form: ScriptForm = DEFAULT_FORM
    positions: PositionForm = DEFAULT_POSITIONS


USERS = "users"
GLOBAL_PARTS = (USERS, "plugins", "udfs", "servers", "tablespaces")


@dataclass(frozen=True)
class GlobalsOptions:
    """What of a server is backed up beside its databases.

    :param parts: some of :data:`GLOBAL_PARTS`; ``users`` are all accounts with their grants.
    :param include_users: patterns of accounts, ``user`` or ``user@host``; only these.
    :param exclude_users: the same; not these.
    """

    parts: tuple[str, ...] = (USERS,)
    include_users: tuple[str, ...] = ()
    exclude_users: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterBackupOptions:
    """What to back up of a whole server, and in which form.

    :param each: the options for every database; their database is empty.
    :param databases: only these; all but the system's own where empty.
    :param exclude_databases: patterns of databases to leave out.
    """

    dbms: t.ClassVar[t.Literal["mysql"]] = "mysql"

    each: BackupOptions
    databases: tuple[str, ...] = ()
    exclude_databases: tuple[str, ...] = ()
    globals: GlobalsOptions = GlobalsOptions()


@dataclass(frozen=True)
class RestoreChanges:
    """What a restore makes otherwise than the backup says.

    :param definer: of views and stored programs: as it was (:data:`.choices.KEEP`) or the restoring user
        (:data:`.choices.CURRENT`).
    :param definer_map: accounts (user, host) and what to put in their places; goes before :attr:`definer`.
    :param rewrite: kind (one of :data:`.rewrite.REWRITES`), name in lower case and what to put in its place; an empty
        text takes a word of ``sql_mode`` or an option of a table out.
    :param set_gtid: set the target's GTID state to that of the backup.
    """

    definer: str = KEEP
    definer_map: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = ()
    rewrite: tuple[tuple[str, str, str], ...] = ()
    set_gtid: bool = False


@dataclass(frozen=True)
class GlobalsRestoreOptions:
    """Where and how to restore what belongs to no database.

    :param force: make accounts that exist what the backup says; without it they stay as they are.
    """

    connection: ConnectionOptions
    force: bool = False


@dataclass(frozen=True)
class RestoreOptions:
    """Where and how to restore one database.

    :param database: the target, not necessarily the name that was backed up.
    :param create: the target does not exist and is created.
    :param clean: objects of the backup that exist in the target are dropped first.
    :param force: restore into a target that is not empty, as it is.
    :param jobs: how many connections load at the same time.
    :param load: how rows are loaded, and what is made of errors.
    :param selection: what of the backup is restored; ``where`` means nothing here.
    :param changes: what is made otherwise than the backup says.
    :param source_database: the one to restore of an artifact of several databases.
    """

    dbms: t.ClassVar[t.Literal["mysql"]] = "mysql"

    connection: ConnectionOptions
    database: str
    create: bool = False
    clean: bool = False
    force: bool = False
    jobs: int = 1
    load: LoadOptions = dataclasses.field(default_factory=LoadOptions)
    selection: Selection = Selection()
    changes: RestoreChanges = RestoreChanges()
    source_database: str = ""
