# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options of an account for backups, which only the module has."""

from __future__ import annotations

from .option import ACCOUNT, MYSQL, POSTGRESQL, WORLDS, Option

STATES = ("present", "absent")
UPDATES = ("always", "on_create")
ROW_SECURITY = ("bypass", "apply")
GLOBALS, REPLICATION, REPLICA_STATUS = "globals", "replication", "replica_status"
PURPOSES = (GLOBALS, REPLICATION, REPLICA_STATUS)


def _each(choices: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(WORLDS, choices)


ACCOUNTS = (
    Option("name", "the account's name", jobs=(ACCOUNT,), required=WORLDS),
    Option("host", "from where it may connect", jobs=(ACCOUNT,), worlds=(MYSQL,)),
    Option("password", "the account's password", jobs=(ACCOUNT,), secret=True),
    Option("update_password", "when to set it", jobs=(ACCOUNT,), choices=_each(UPDATES), default=UPDATES[0]),
    Option("state", "whether there is an account", jobs=(ACCOUNT,), choices=_each(STATES), default=STATES[0]),
    Option("databases", "what it may back up", jobs=(ACCOUNT,), type="list"),
    Option("purposes", "what else it is for", jobs=(ACCOUNT,), type="list"),
    Option(
        "row_security",
        "whether policies may hide rows from it",
        jobs=(ACCOUNT,),
        worlds=(POSTGRESQL,),
        choices={POSTGRESQL: ROW_SECURITY},
    ),
)
