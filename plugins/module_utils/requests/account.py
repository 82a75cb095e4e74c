# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The request for an account for backups out of the options that were given."""

from __future__ import annotations

from ..backup_account import AccountRequest
from ..errors import UsageError
from .connection import mysql_connection, postgresql_connection
from .given import Given
from .option import MYSQL, POSTGRESQL
from .options_account import GLOBALS, REPLICA_STATUS, REPLICATION

_PURPOSES = {POSTGRESQL: (GLOBALS, REPLICATION), MYSQL: (GLOBALS, REPLICATION, REPLICA_STATUS)}


def account_request(given: Given, *, check: bool) -> AccountRequest:
    """The request.

    :raises UsageError: an option is wrong.
    """
    purposes = given.texts("purposes")
    for purpose in purposes:
        if purpose not in _PURPOSES[given.world]:
            raise UsageError(
                f"{purpose!r} is not a purpose of an account of {given.world}",
                hint=f"use {', '.join(_PURPOSES[given.world])}",
            )
    connection = postgresql_connection(given) if given.world == POSTGRESQL else mysql_connection(given)
    return AccountRequest(
        connection=connection,
        name=given.text("name"),
        host=given.text("host") or "localhost" if given.world == MYSQL else "",
        password=given.text("password"),
        set_password=given.text("update_password") == "always",
        present=given.text("state") == "present",
        databases=given.texts("databases"),
        purposes=purposes,
        bypass_row_security=given.text("row_security") != "apply",
        check=check,
    )
