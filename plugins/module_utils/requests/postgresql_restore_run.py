# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How to run a restore of PostgreSQL, out of the options that were given."""

from __future__ import annotations

from ..errors import UsageError
from ..postgresql.restore_options import RunOptions
from .given import Given
from .state_folder import state_folder


def run_options(given: Given) -> RunOptions:
    """
    :raises UsageError: a value is not valid.
    """
    size = given.number("transaction_size")
    if size is not None and size < 1:
        raise UsageError(f"{given.spelled('transaction_size')} is {size}", hint="use 1 or more")
    given.only_with("replace", "create")
    return RunOptions(
        on_error=given.text("on_error") or "stop",
        skip_existing=given.switch("skip_existing"),
        no_data_for_failed_tables=given.switch("no_data_for_failed_tables"),
        single_transaction=given.switch("single_transaction"),
        transaction_size=size or 0,
        show_data=given.switch("show_data_in_errors"),
        resume=given.switch("resume"),
        state_folder=state_folder(given),
        replace=given.switch("replace"),
        analyze=given.switch("analyze"),
        verify=given.text("verify") or "none",
    )
