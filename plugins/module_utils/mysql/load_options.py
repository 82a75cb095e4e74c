# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How a restore loads what it reads, and what it makes of errors."""

from __future__ import annotations

from ..lazy_dataclass import dataclass

STOP, CONTINUE = "stop", "continue"
ERROR, IGNORE, REPLACE = "error", "ignore", "replace"
DUPLICATES = (ERROR, IGNORE, REPLACE)
AUTO, NEVER = "auto", "never"
LOAD_DATA = (AUTO, NEVER)
VERIFY_NONE, VERIFY_ROWS, VERIFY_DIGEST = "none", "rows", "digest"
VERIFY = (VERIFY_NONE, VERIFY_ROWS, VERIFY_DIGEST)


@dataclass(frozen=True)
class LoadOptions:
    """The ways of loading.

    :param on_error: ``stop`` at the first statement that fails, or ``continue`` with the next one; the restore has
        failed all the same, and its error lists every one.
    :param duplicates: what becomes of rows whose keys are in the target already: ``error``, ``ignore`` (the target's
        row stays) or ``replace``.
    :param show_data_in_errors: let messages quote row values.
    :param resume: go on where an interrupted restore of the same backup into the same target stopped.
    :param state_folder: where :attr:`resume` records what is done.
    :param verify: ``rows`` counts the rows of every table after the restore, ``digest`` reads them and compares them
        with the backup; ``none`` relies on what the server said of each statement.
    :param load_data: ``auto`` sends the rows of our own folders as files (LOAD DATA LOCAL) where the target takes them,
        ``never`` runs every INSERT as it is.
    :param skip_binlog: the target's binary log is not written.
    """

    on_error: str = STOP
    duplicates: str = ERROR
    show_data_in_errors: bool = False
    resume: bool = False
    state_folder: str = ""
    verify: str = VERIFY_NONE
    skip_binlog: bool = False
    load_data: str = AUTO
