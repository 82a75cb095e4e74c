# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The one exception tree of the engine.

Every error carries a message for a human on call (the object, the cause), a hint (the way out) and context fields
for a program. A boundary (module or command) turns it into ``fail_json`` or an exit code. Nothing here may ever
hold a secret or a row value.
"""

from __future__ import annotations

import typing as t


class DbfleetError(Exception):
    """The base of every error that the engine raises on purpose.

    :param message: what failed, naming the object and the cause; lower case start, no full stop.
    :param hint: what to do about it, empty where nothing sensible can be said.
    :param context: fields for a program: strings, numbers or lists of them, never secrets, never row values.
    """

    exit_code = 1
    kind = "error"

    def __init__(self, message: str, *, hint: str = "", **context: t.Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.context = {name: value for name, value in context.items() if value is not None}

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[t.Any, ...]:
        # Errors travel from worker processes; the default protocol would lose the keyword arguments.
        return _rebuild, (type(self), self.message, self.hint, self.context)

    def details(self) -> dict[str, t.Any]:
        """The error as plain data: ``kind``, ``message``, ``hint`` and ``context``."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint, "context": self.context}


def _rebuild(cls: type[DbfleetError], message: str, hint: str, context: dict[str, t.Any]) -> DbfleetError:
    return cls(message, hint=hint, **context)


class UsageError(DbfleetError):
    """The request itself is wrong; nothing was touched."""

    exit_code = 2
    kind = "usage"


class DriverMissingError(DbfleetError):
    """A Python package that the request needs is not installed, or too old.

    ``context['package']`` is the name to install.
    """

    kind = "driver_missing"


class ConnectError(DbfleetError):
    """The server could not be reached or refused the login."""

    kind = "connect"


class PrivilegeError(DbfleetError):
    """The connected user may not do or read what the job needs."""

    kind = "privilege"


class NotFoundError(DbfleetError):
    """A database, table, backup, file or folder that was named does not exist."""

    kind = "not_found"


class UnsupportedObjectError(DbfleetError):
    """The database holds objects that this version cannot dump yet; ``context['objects']`` names them."""

    kind = "unsupported_object"


class ConsistencyError(DbfleetError):
    """The data or the schema changed in a way that would make the backup inconsistent."""

    kind = "consistency"


class QueryError(DbfleetError):
    """The server answered a statement with an error.

    ``context`` may hold ``sqlstate`` or ``errno``, ``statement`` (shortened, without row data), ``file`` and ``line``.
    """

    kind = "query"


class StorageError(DbfleetError):
    """Reading or writing a backup's files failed."""

    kind = "storage"


class OutOfSpaceError(StorageError):
    """The destination has no room, or too little for the backup."""

    kind = "out_of_space"


class LockedError(DbfleetError):
    """Another job holds the repository's lock for this database."""

    kind = "locked"


class CorruptArtifactError(DbfleetError):
    """A backup's file, manifest or archive is not what it must be: truncated, altered or malformed."""

    kind = "corrupt"


class IdentityError(DbfleetError):
    """An encrypted file cannot be opened with the identities that were given, or none was."""

    kind = "identity"


class TargetNotEmptyError(DbfleetError):
    """The restore's target holds objects and nothing said what to do with them."""

    kind = "target_not_empty"


class RestoreError(DbfleetError):
    """A restore stopped in the middle; ``context`` holds ``done``, ``failed`` and ``not_begun`` item names."""

    kind = "restore"


class PruneError(DbfleetError):
    """Retention could not prune some databases; ``context`` holds the ``problems`` and what was ``removed``."""

    kind = "prune"


class VerificationError(DbfleetError):
    """Backups are not what they must be; ``context`` holds the ``verifications``."""

    kind = "verification"


class ProgramError(DbfleetError):
    """A program of the vendor's failed; ``context`` holds its ``program`` and, if it ran, the ``exit_code``."""

    kind = "program"


class InstallationError(DbfleetError):
    """The command could not be installed on a host; what was there before still is."""

    kind = "installation"


class JobInterrupted(DbfleetError):
    """The user or the system asked the job to stop."""

    exit_code = 130
    kind = "interrupted"
