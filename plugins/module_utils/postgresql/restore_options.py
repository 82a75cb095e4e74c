# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How a restore is run: in how many transactions, and what is done about errors."""

from __future__ import annotations

from ..lazy_dataclass import dataclass

ON_ERROR = ("stop", "continue")


@dataclass(frozen=True)
class RunOptions:
    """How to run the restore of one database.

    :param on_error: ``stop`` at the first error, or ``continue`` and name all of them in the end.
    :param skip_existing: an object that exists is left as it is, with the data and whatever else belongs to it.
    :param no_data_for_failed_tables: with ``continue``, load no data into a table that could not be made.
    :param single_transaction: everything or nothing, or not at all.
    :param transaction_size: commit after this number of items; 0 for as many as the server's lock table bears.
    :param show_data: errors may quote row values.
    :param resume: record what is done, and go on where an earlier run of the same restore was interrupted.
    :param state_folder: where that is recorded.
    :param replace: with ``create``, a database of that name is replaced once the new one is complete.
    :param analyze: gather the optimizer's statistics in the end.
    :param verify: compare the restored tables with the backup in the end: ``none``, their number of ``rows``, or the
        ``digest`` of their rows.
    """

    on_error: str = "stop"
    skip_existing: bool = False
    no_data_for_failed_tables: bool = False
    single_transaction: bool = False
    transaction_size: int = 0
    show_data: bool = False
    resume: bool = False
    state_folder: str = ""
    replace: bool = False
    analyze: bool = False
    verify: str = "none"

    @property
    def go_on(self) -> bool:
        """Whether to continue after errors."""
        return self.on_error == "continue"
