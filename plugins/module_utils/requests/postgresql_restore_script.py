# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How to make a script of a backup of PostgreSQL, out of the options that were given."""

from __future__ import annotations

from ..errors import UsageError
from ..postgresql.archive.script import ScriptOptions, new_restrict_key
from ..postgresql.restore_script import ScriptRestoreOptions
from .given import Given
from .options_postgresql_restore_run import POSTGRESQL_RESTORE_RUN
from .postgresql_restore_selection import check_triggers, restore_selection


def restore_to_script_options(given: Given) -> ScriptRestoreOptions:
    """What becomes a script, and how it is written.

    :raises UsageError: the options contradict each other, or a value is not valid.
    """
    for name in (*(option.name for option in POSTGRESQL_RESTORE_RUN), "force"):
        if given.has(name):
            raise UsageError(f"{given.spelled(name)} means nothing to a script that is written: no server is asked")
    given.only_with("if_exists", "clean")
    given.at_most_one("no_restrict", "restrict_key")
    selection = restore_selection(given)
    check_triggers(given, selection)
    key = given.text("restrict_key") or new_restrict_key()
    return ScriptRestoreOptions(
        selection=selection,
        script=ScriptOptions(
            clean=given.switch("clean"),
            if_exists=given.switch("if_exists"),
            create=given.switch("create"),
            restrict_key="" if given.switch("no_restrict") else key,
            session_authorization=given.switch("use_set_session_authorization"),
            disable_triggers=given.switch("disable_triggers"),
            superuser=given.text("superuser"),
            row_security=given.switch("enable_row_security"),
            role=given.text("role"),
        ),
    )
