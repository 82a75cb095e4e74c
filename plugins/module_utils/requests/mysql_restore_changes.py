# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a restore into MySQL or MariaDB makes otherwise than the backup says, out of the options that were given."""

from __future__ import annotations

import re

from ..errors import UsageError
from ..mysql.choices import KEEP
from ..mysql.options import RestoreChanges
from ..mysql.rewrite import REWRITES, TAKEN_OUT
from .given import Given

_REWRITE = re.compile(r"(\w+):(\w+)=(\w*)")


def restore_changes(given: Given) -> RestoreChanges:
    """Other definers, other words, another GTID state.

    :raises UsageError: a text is not what it should be.
    """
    return RestoreChanges(
        definer=given.text("definer") or KEEP,
        definer_map=tuple(_definers(given, text) for text in given.texts("definer_map")),
        rewrite=tuple(_rewrite(given, text) for text in given.texts("rewrite")),
        set_gtid=given.text("gtid") == "set",
    )


def _definers(given: Given, text: str) -> tuple[tuple[str, str], tuple[str, str]]:
    old, equals, new = text.partition("=")
    if not equals or not old.strip() or not new.strip():
        raise UsageError(
            f"{given.spelled('definer_map')} {text!r} does not say who becomes whom",
            hint="write the old account, = and the new one: app@%=owner@localhost",
        )
    return _account(old), _account(new)


def _account(text: str) -> tuple[str, str]:
    """A name without a host is an account of any host, as in GRANT."""
    user, at, host = text.strip().rpartition("@")
    return (_plain(user), _plain(host)) if at else (_plain(host), "%")


def _plain(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'`\""
    return text[1:-1] if quoted else text


def _rewrite(given: Given, text: str) -> tuple[str, str, str]:
    match = _REWRITE.fullmatch(text.strip())
    if match is None or match.group(1) not in REWRITES or (not match.group(3) and match.group(1) not in TAKEN_OUT):
        raise UsageError(
            f"{given.spelled('rewrite')} {text!r} does not say what becomes what",
            hint=f"write one of {', '.join(REWRITES)}, a colon, the old name, = and the new one: "
            "collation:utf8mb4_0900_ai_ci=utf8mb4_unicode_520_ci",
        )
    kind, old, new = match.groups()
    return kind, old.lower(), new
