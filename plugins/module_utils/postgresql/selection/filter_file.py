# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Filter files, as pg_dump reads them: a line for every rule, ``include|exclude KIND PATTERN``.

Empty lines and what follows a ``#`` outside double quotes mean nothing. A quoted name may go over several lines;
``\\n`` and ``\\\\`` inside it stand for a line break and a backslash.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...errors import NotFoundError, StorageError, UsageError
from ...lazy_dataclass import dataclass
from ..restore_selection import RestoreSelection
from .options import Selection

_Chosen = t.TypeVar("_Chosen", bound=t.Union[Selection, RestoreSelection])
_Kinds = t.Mapping[str, tuple[str, str]]

#: By kind, the fields of a :class:`Selection` that its rules go into: for include and for exclude, empty for none.
BACKUP_KINDS: _Kinds = {
    "schema": ("schemas", "exclude_schemas"),
    "table": ("tables", "exclude_tables"),
    "table_and_children": ("tables_and_children", "exclude_tables_and_children"),
    "table_data": ("", "exclude_table_data"),
    "table_data_and_children": ("", "exclude_table_data_and_children"),
    "extension": ("extensions", "exclude_extensions"),
    "foreign_data": ("foreign_data", ""),
}
#: The same of a :class:`RestoreSelection`.
RESTORE_KINDS: _Kinds = {
    "schema": ("schemas", "exclude_schemas"),
    "table": ("tables", ""),
    "index": ("indexes", ""),
    "function": ("functions", ""),
    "trigger": ("triggers", ""),
}
_COMMANDS = ("include", "exclude")
_SPACE = " \t\r\n\v\f"
_ESCAPES = {"n": "\n", "\\": "\\"}


@dataclass(frozen=True)
class Rule:
    """One rule.

    :param field: of the selection that its pattern goes into.
    """

    field: str
    pattern: str


def read_filter_file(path: str, kinds: _Kinds) -> tuple[Rule, ...]:
    """The rules of a file.

    :param kinds: which there are, and where their patterns go.
    :raises NotFoundError, StorageError: it cannot be read.
    :raises UsageError: a line is no rule.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return parse_filter(file.read(), name=path, kinds=kinds)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no filter file {path}", hint="give the path of a file on this host") from error
    except OSError as error:
        raise StorageError(f"the filter file {path} cannot be read: {error.strerror}") from error


def parse_filter(text: str, *, name: str, kinds: _Kinds) -> tuple[Rule, ...]:
    """The rules of a text.

    :param name: of the file, for messages.
    :param kinds: as for :func:`read_filter_file`.
    :raises UsageError: a line is no rule.
    """
    return tuple(_Reader(text, name, kinds).rules())


def with_rules(selection: _Chosen, rules: t.Iterable[Rule]) -> _Chosen:
    """A selection with the patterns of rules too."""
    changed: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        before: tuple[str, ...] = getattr(selection, rule.field)
        changed[rule.field] = (*changed.get(rule.field, before), rule.pattern)
    # Checked again as a whole.
    return dataclasses.replace(selection, **changed)  # type: ignore[arg-type]


class _Reader:
    """A text and how far it is read."""

    def __init__(self, text: str, name: str, kinds: _Kinds) -> None:
        self._text = text
        self._name = name
        self._kinds = kinds
        self._position = 0
        self._line = 1

    def rules(self) -> t.Iterator[Rule]:
        while self._position < len(self._text):
            self._skip(_SPACE)
            if self._peek() == "#":
                self._skip_comment()
            elif self._peek():
                yield self._rule()

    def _rule(self) -> Rule:
        command = self._word()
        if command not in _COMMANDS:
            raise self._error(f"{command!r} is no command" if command else "there is no command", "include or exclude")
        self._skip(" \t\r\v\f")
        kind = self._word()
        if kind not in self._kinds:
            raise self._error(f"{kind!r} is no kind" if kind else "there is no kind", ", ".join(self._kinds))
        field = self._kinds[kind][_COMMANDS.index(command)]
        if not field:
            other = _COMMANDS[1 - _COMMANDS.index(command)]
            raise self._error(f"{kind} cannot be {command}d", f"{other} {kind}")
        pattern = self._pattern()
        if not pattern:
            raise self._error("there is no pattern", f"{command} {kind} PATTERN")
        return Rule(field, pattern)

    def _word(self) -> str:
        start = self._position
        while self._peek().isascii() and (self._peek().isalpha() or (self._peek() == "_" and self._position > start)):
            self._position += 1
        return self._text[start : self._position]

    def _pattern(self) -> str:
        """What is left of the line, spaces around dots and commas taken away and others made one."""
        parts: list[str] = []
        while self._peek() not in ("", "\n", "#"):
            spaced = self._skip(" \t\r\v\f")
            letter = self._peek()
            if letter in ("", "\n", "#"):
                break
            if (spaced and parts and parts[-1] not in ".()," and letter not in ".(),") or (parts and parts[-1] == ","):
                parts.append(" ")
            parts.append(self._quoted() if letter == '"' else self._take())
        return "".join(parts)

    def _quoted(self) -> str:
        """A name in double quotes, with them."""
        start = self._line
        found = [self._take()]
        while True:
            letter = self._take()
            if not letter:
                self._line = start
                raise self._error("a double quote is not closed", "a double quote at the end of the name")
            if letter == "\\":
                following = self._take()
                letter = _ESCAPES.get(following, "")
            elif letter == "\r" and self._peek() == "\n":
                continue
            found.append(letter)
            if letter == '"':
                if self._peek() != '"':
                    return "".join(found)
                found.append(self._take())

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _take(self) -> str:
        letter = self._peek()
        self._position += len(letter)
        self._line += letter == "\n"
        return letter

    def _skip(self, letters: str) -> bool:
        start = self._position
        while self._peek() and self._peek() in letters:
            self._take()
        return self._position > start

    def _skip_comment(self) -> None:
        while self._peek() not in ("", "\n"):
            self._take()

    def _error(self, problem: str, wanted: str) -> UsageError:
        return UsageError(f"{self._name}, line {self._line}: {problem}", hint=f"write {wanted}", line=self._line)
