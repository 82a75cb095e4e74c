# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""As whom a restore is done, and what of the server's checks it switches off."""

from __future__ import annotations

import typing as t

from ..lazy_dataclass import dataclass
from .index_building import index_memory_statement
from .quoting import identifier, qualified
from .toc import TocEntry


@dataclass(frozen=True)
class SessionOptions:
    """How the sessions of a restore are set up.

    :param role: the role that everything is done as, empty for the user's own.
    :param row_security: rows are loaded as policies allow; else a policy that holds for the user is an error.
    :param disable_triggers: a table's triggers are off while its rows are loaded, those of foreign keys too. Only a
        superuser may do that.
    :param index_memory: KiB for building an index; 0 for the server's own setting.
    """

    role: str = ""
    row_security: bool = False
    disable_triggers: bool = False
    index_memory: int = 0

    def statements(self) -> t.Iterator[str]:
        """What a session is set up with, after everything else."""
        if self.row_security:
            yield "SET row_security = on"
        if self.index_memory:
            yield index_memory_statement(self.index_memory)
        if self.role:
            yield f"SET ROLE {identifier(self.role)}"

    def around_data(self, entry: TocEntry) -> tuple[str, str]:
        """What comes before and after the data of a table; empty for nothing."""
        if not self.disable_triggers:
            return "", ""
        table = qualified(entry.namespace or "", entry.tag)
        return f"ALTER TABLE {table} DISABLE TRIGGER ALL", f"ALTER TABLE {table} ENABLE TRIGGER ALL"
