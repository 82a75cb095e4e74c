# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which statements of a script a restore into one database runs, leaves out or refuses.

A restore changes its target database and its own session, nothing else: not another database, not the server's
accounts, settings or replication. What is left out (never silently) is what mysqldump writes around a database and the
restore decides itself: the database it goes to, whether the binary log is written, and the server's GTID state.
"""

from __future__ import annotations

import re
import typing as t

from ..errors import UsageError
from .statements import DATABASE_OBJECTS, LOAD, STRING, Action, Assignment, Token, assignments, classify

_PLAIN_VERBS = frozenset(
    {
        "INSERT", "REPLACE", "UPDATE", "DELETE", "TRUNCATE", "UNLOCK", "COMMIT", "BEGIN", "ROLLBACK", "SAVEPOINT",
        "RELEASE", "DO", "SELECT", "SHOW", "ANALYZE", "OPTIMIZE", "CHECK", "REPAIR", "CHECKSUM",
    }
)  # fmt: skip
_DEFINITION_KINDS = DATABASE_OBJECTS | {"INDEX", "DATABASE"}
_LEFT_OUT_VARIABLES = {
    ("SESSION", "sql_log_bin"): "the target's binary log is written as always",
    ("GLOBAL", "gtid_purged"): "the target's GTID state stays as it is",
    ("GLOBAL", "gtid_slave_pos"): "the target's GTID state stays as it is",
    # Of dumps of the database mysql, around its tables of statistics.
    ("GLOBAL", "innodb_stats_auto_recalc"): "the target gathers its statistics as always",
}
# A position, as dump programs write it for a new replica: no host, no account, nothing else.
_POSITION = re.compile(
    rb"CHANGE\s+(?:MASTER\s+(?:'[^'\\]*'\s+)?|REPLICATION\s+SOURCE\s+)TO\s+(?:MASTER|SOURCE)_LOG_FILE\s*=\s*'[^'\\]*',"
    rb"\s*(?:MASTER|SOURCE)_LOG_POS\s*=\s*\d+\s*(?:FOR\s+CHANNEL\s+'[^'\\]*'\s*)?",
    re.IGNORECASE,
)
_SET_NOT_A_VARIABLE = frozenset({"PASSWORD", "ROLE", "DEFAULT", "RESOURCE"})
_SESSION_SET = frozenset({"NAMES", "CHARACTER", "CHARSET", "TRANSACTION", "SESSION", "LOCAL"})
_LIBRARY_FUNCTION = re.compile(rb"\bSONAME\b", re.IGNORECASE)
_HEAD = 4096


class ScriptPolicy:
    """Decides for every statement of one script.

    :param source: the database that the script was made from; empty where nothing tells it.
    :param target: the database that is restored into.
    :param loads_files: ``LOAD DATA`` is run, with files of the backup itself.
    """

    def __init__(self, source: str, target: str, *, loads_files: bool = False) -> None:
        self._source = source
        self._loads_files = loads_files
        self._target = target

    def left_out(self, text: bytes, action: Action) -> str:
        """Why a statement is left out; empty where it is run.

        :raises UsageError: it is refused.
        """
        if action.is_data and (action.verb != LOAD or self._loads_files):
            self._check_names(action)
            return ""
        head = text[:_HEAD]
        if b"/*!" in head or b"/*M!" in head:
            # A server skips the code of versions that it has not reached: what then remains must be allowed too.
            plain = classify(text, skip_executable=True)
            if plain.verb not in ("", action.verb):
                self._decide(text, plain)
        return self._decide(text, action)

    def _decide(self, text: bytes, action: Action) -> str:
        verb, kind = action.verb, action.kind
        if verb == "USE" or kind == "DATABASE":
            return self._about_database(action)
        if verb == "SET":
            return _about_variables(text, kind)
        if verb == "CHANGE" and _POSITION.fullmatch(text):
            return f"CHANGE {kind}: the target's replication stays as it is"
        allowed = verb in _PLAIN_VERBS
        if verb in ("CREATE", "ALTER", "DROP"):
            allowed = kind in _DEFINITION_KINDS and not (
                verb == "CREATE" and kind == "FUNCTION" and _LIBRARY_FUNCTION.search(text[:_HEAD])
            )
        elif verb in ("LOCK", "RENAME"):
            allowed = kind == "TABLE"
        elif verb == "START":
            allowed = kind == "TRANSACTION"
        if not allowed:
            raise UsageError(
                f"{f'{verb} {kind}'.strip()} is not a statement that a restore into one database runs",
                hint="remove it from the script, or run the script with the server's own client",
            )
        self._check_names(action)
        return ""

    def _check_names(self, action: Action) -> None:
        for name in action.names:
            if name.database and name.database != self._target:
                raise UsageError(
                    f"{action.verb} names {name.database}.{name.name}, which is outside the target {self._target}",
                    hint=f"restore into a database of the name {name.database}, or edit the script",
                )

    def _about_database(self, action: Action) -> str:
        name = action.names[0].name if action.names else ""
        what = action.verb if action.verb == "USE" else f"{action.verb} DATABASE"
        if action.verb == "ALTER" and name in ("", self._target):
            return ""
        if action.verb != "ALTER" and name in {self._target, self._source}:
            return f"{what} {name}: the target is {self._target}"
        raise UsageError(
            f"{what} {name} would leave the target {self._target}",
            hint=f"restore into a database of the name {name}, or take the statement out of the script"
            if action.verb == "ALTER"
            else "of a script of several databases, name the one to restore (source_database), or restore all of them "
            "(all_databases)",
        )


def _about_variables(text: bytes, second_word: str) -> str:
    if second_word in _SET_NOT_A_VARIABLE:
        raise _server_wide(f"SET {second_word}")
    assigned = assignments(text)
    if not assigned and second_word not in _SESSION_SET:
        raise _server_wide(f"SET {second_word}")
    for one in assigned:
        reason = _LEFT_OUT_VARIABLES.get((one.scope, one.name))
        if reason and len(assigned) == 1:
            return f"SET {one.name}: {reason}"
        if reason or one.scope not in ("SESSION", "USER"):
            raise _server_wide(f"SET {one.scope} {one.name}")
    return ""


def _server_wide(what: str) -> UsageError:
    return UsageError(
        f"{what} would change more than the target database",
        hint="a restore changes no setting of the server and no account; remove it from the script",
    )


class SqlModes:
    """Follows what a script's SET statements make of ``sql_mode``, as far as reading the script depends on it.

    :attr:`backslash_escapes` is false while ``NO_BACKSLASH_ESCAPES`` is set.
    """

    def __init__(self) -> None:
        self.backslash_escapes = True
        self._saved: dict[str, bool] = {}

    def observe(self, text: bytes) -> None:
        """Take a SET statement that is about to run into account."""
        for one in assignments(text):
            self._assign(one)

    def _assign(self, one: Assignment) -> None:
        value = self._value(one.value)
        if value is None:
            return
        if one.scope == "USER":
            self._saved[one.name] = value
        elif one.name == "sql_mode":
            self.backslash_escapes = value

    def _value(self, value: t.Sequence[Token]) -> bool | None:
        """Whether a value leaves backslash escapes on; ``None`` where it has nothing to do with sql_mode."""
        signs = sum(token.is_symbol("@") for token in value)
        words = [token.text.lower() for token in value if not token.is_symbol("@") and not token.is_symbol(".")]
        if signs == 1 and len(words) == 1:
            return self._saved.get(words[0])
        if signs and words[-1:] == ["sql_mode"]:
            return self.backslash_escapes
        literals = [token.text.upper() for token in value if token.kind == STRING]
        return not any("NO_BACKSLASH_ESCAPES" in literal for literal in literals) if literals else None
