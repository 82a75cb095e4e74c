# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a restore that stopped had done, and what of it was taken back."""

from __future__ import annotations

import typing as t

from .load_run import LoadedTable
from .script_summary import ScriptSummary


class Undo:
    """What a restore changed before and beside the script, and what became of it."""

    def __init__(self) -> None:
        self.created = False
        self.dropped: list[str] = []
        self.removed = False
        self.not_removed = ""


def progress_of(
    summary: ScriptSummary, tables: t.Mapping[str, LoadedTable], failed_table: str
) -> tuple[list[str], list[str], list[str]]:
    """The tables whose data was loaded completely, in part, and not at all."""
    done: list[str] = []
    failed: list[str] = []
    not_begun: list[str] = []
    for name, expected in summary.tables.items():
        loaded = tables.get(name)
        if loaded is None:
            not_begun.append(name)
        elif name == failed_table or loaded.data().statements != expected.statements:
            failed.append(name)
        else:
            done.append(name)
    return done, failed, not_begun
