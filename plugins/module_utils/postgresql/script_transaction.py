# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Statements that begin and end transactions, for a script that is run in one transaction.

The scripts of pg_dump put large objects' data between BEGIN and COMMIT of their own. psql would let that COMMIT end
the one transaction; here such pairs are left out, and what would break the promise otherwise is refused.
"""

from __future__ import annotations

import itertools

from ..errors import UsageError
from .script_commands import tokens

_FIRST = frozenset(b"bBsScCeErRaApP/")
_ENOUGH = 4


def leaves_out(text: bytes) -> bool:
    """Whether a statement is a plain BEGIN or COMMIT."""
    return _kind(text) == "plain"


def check_single_transaction(text: bytes, *, where: str) -> None:
    """Refuse what cannot keep the promise of one transaction.

    :param where: file and line, for the message.
    :raises UsageError: the statement would end the transaction in another way than a plain COMMIT.
    """
    if _kind(text) == "other":
        words = " ".join(token.text for token in itertools.islice(tokens(text), 2))
        raise UsageError(
            f"{where}: {words} cannot be run in a single transaction",
            hint="leave single_transaction out, or remove the statement",
        )


def _kind(text: bytes) -> str:
    if text[0] not in _FIRST:
        return ""
    words = [token.word for token in itertools.islice(tokens(text), _ENOUGH)]
    verb = words[0] if words else ""
    following = words[1] if len(words) > 1 else ""
    if verb == "BEGIN" or (verb == "START" and following == "TRANSACTION"):
        rest = words[1 if verb == "BEGIN" else 2 :]
        return "plain" if rest in ([";"], ["WORK", ";"], ["TRANSACTION", ";"]) else "other"
    if verb in ("COMMIT", "END"):
        return "plain" if words[1:] in ([";"], ["WORK", ";"], ["TRANSACTION", ";"]) else "other"
    if verb in ("ROLLBACK", "ABORT"):
        return "" if "TO" in words else "other"
    return "other" if (verb, following) == ("PREPARE", "TRANSACTION") else ""
