# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The roles that one database's backup needs and its target lacks, made out of the globals of the backup's set."""

from __future__ import annotations

import typing as t

from ...errors import DbfleetError
from ...interfaces import ArtifactReader
from ...progress import Progress
from ..options import ConnectionOptions, GlobalsRestoreOptions
from ..preflight import Report
from .globals_restore import GlobalsRestore


class RolesOfSet:
    """Makes missing roles before a restore.

    :param artifact: the globals of the set.
    """

    def __init__(self, connection: ConnectionOptions, artifact: ArtifactReader) -> None:
        self._globals = GlobalsRestore(GlobalsRestoreOptions(connection=connection))
        self._artifact = artifact
        self._names: tuple[str, ...] = ()
        self.made: tuple[str, ...] = ()

    def verify(self) -> None:
        """Read the globals; no server is needed.

        :raises CorruptArtifactError, UnsupportedObjectError: they are not what globals look like.
        """
        self._globals.verify(self._artifact)

    def plan(self, needed: t.Collection[str], report: Report) -> frozenset[str]:
        """Those of the roles that would be made, and with them those that they are members of.

        :param report: told of every reason why they cannot be made.
        """
        try:
            self._names = self._globals.plan(roles=frozenset(needed)).role_names
        except DbfleetError as error:
            report.add(type(error), error.message, error.hint)
            self._names = ()
        return frozenset(self._names)

    def make(self, progress: Progress) -> bool:
        """Make what was planned, in one transaction; whether there was anything to make.

        :raises RestoreError: it failed, and nothing was made.
        """
        if not self._names:
            return False
        self._globals.restore(progress)
        self.made, self._names = self._names, ()
        return True

    def close(self) -> None:
        self._globals.close()
