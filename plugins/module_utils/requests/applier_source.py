# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where the target of a replay finds this host, out of the options that were given."""

from __future__ import annotations

from ..mysql.binlog.source_address import SourceAddress, source_address
from .given import Given


def applier_source(given: Given) -> SourceAddress:
    """This host, unless an address was given.

    :raises UsageError: something is missing, or not valid.
    """
    return source_address(
        given.text("applier_address"),
        certificate=given.text("applier_cert"),
        key=given.text("applier_key"),
        authority=given.text("applier_ca"),
    )
