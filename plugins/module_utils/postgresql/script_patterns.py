# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The regular expressions that walk over SQL text, as psql's lexer reads it.

They pass whole strings and bracketed lists in one step and stop at what needs a decision. A statement that one of
them passes up to its semicolon is certainly one statement; for everything else :mod:`.script_scan` decides.
"""

from __future__ import annotations

import functools
import re
import sys

SPACE = rb"[ \t\n\r\f\v]"
#: What may stand in an identifier after its first character; the dollar sign only there.
WORD_BYTE = rb"[A-Za-z0-9_$\x80-\xff]"
IDENTIFIER = re.compile(rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*")
#: A number, with the letters that stick to it.
NUMBER = re.compile(rb"[0-9]+(?:[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)?")
DOLLAR_QUOTE = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$")
#: What a dollar quote can begin with; where it reaches the end of the window the rest has to be seen first.
DOLLAR_QUOTE_BEGIN = re.compile(rb"\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?")
LINE_END = re.compile(rb"[\n\r]")
COMMENT_MARK = re.compile(rb"/\*|\*/")
#: A psql variable: ``:name``, ``:'name'``, ``:"name"`` or the test ``:{?name}``; also the cast ``::``.
VARIABLE = re.compile(
    rb"::|:(?P<test>\{\?)?(?P<quote>(?(test)|['\"]?))(?P<name>[A-Za-z0-9_\x80-\xff]+)(?P=quote)(?(test)\})"
)
VARIABLE_BEGIN = re.compile(rb":(?:\{\??)?['\"]?[A-Za-z0-9_\x80-\xff]*")

#: The body of a string in which a backslash takes the next byte with it.
ESCAPE_BODY = re.compile(rb"[^'\\]*(?:\\.[^'\\]*)*", re.DOTALL)

# Possessive quantifiers (Python 3.11) save what would be remembered for going back. Going back never helps here:
# whatever a step gives back, nothing else can begin there. So older versions find the same, some percent slower.
_POSSESSIVE = b"+" if sys.version_info >= (3, 11) else b""
_PLAIN = rb"[^'\"$\-/\\;:()]*" + _POSSESSIVE
_STRING = {
    # E'' needs a closer look at what stands before it.
    False: rb"'(?<![eE]')[^']*" + _POSSESSIVE + b"'",
    # With standard_conforming_strings off, bit strings and U&'' are those that know no backslash.
    True: rb"'(?<![eEbBxX&]')[^'\\]*(?:\\.[^'\\]*)*" + _POSSESSIVE + b"'",
}
_LEAD = rb"[ \t\n\r\f\v]*(?:--[^\n\r]*[\n\r][ \t\n\r\f\v]*)*"
# Left to the slower way: COPY, which has rows behind it, and CREATE FUNCTION or PROCEDURE, which can have a body.
_ORDINARY = (
    rb"(?=[ABD-Zabd-z][A-Za-z]+[ \t\n\r(]|[Cc](?:[LlAa][A-Za-z]+|OMMENT|REATE (?!OR |FUNCTION|PROCEDURE)[A-Z]+) )"
)
_BRACKETS = 3
_INSERT = rb"(?=[Ii][Nn][Ss][Ee][Rr][Tt][ \t\n\r])"


def _pass_over(escapes: bool) -> bytes:
    """Plain bytes, whole strings and names in quotes, and brackets that hold nothing else, some levels deep."""
    flat = b"|".join((_STRING[escapes], b'"[^"]*' + _POSSESSIVE + b'"', rb"-(?=[^\-])", rb"/(?=[^*])", rb"::"))
    step = flat
    for _depth in range(_BRACKETS):
        step = flat + rb"|\(" + _repeated(step) + rb"\)"
    return _repeated(step)


def _repeated(step: bytes) -> bytes:
    return _PLAIN + b"(?:(?:" + step + b")" + _PLAIN + b")*" + _POSSESSIVE


def _compile(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


#: By whether plain strings have backslash escapes: what certainly belongs to a statement; always matches.
PASS_OVER = {escapes: _compile(_pass_over(escapes)) for escapes in (False, True)}

#: Stops at every word too, for statements whose words have to be read.
PASS_TO_WORD = re.compile(rb"[^A-Za-z0-9_\x80-\xff'\"$\-/\\;:()]*")

#: White space and line comments before a statement, as far as they end inside the window.
BEFORE_STATEMENT = _compile(_LEAD)


@functools.cache
def ordinary_statements(*, escapes: bool, batch: int) -> re.Pattern[bytes]:
    """Matches one ordinary statement, or up to ``batch`` INSERT statements in a row, after white space and comments.

    Group 1 is the text; where it took no part, the match is empty: another way has to be found.
    """
    statement = _pass_over(escapes) + b";"
    one = _ORDINARY + statement
    if batch > 1:
        # A comment between them may say to what the next one belongs.
        more = b"(?:" + SPACE + b"*" + _INSERT + statement + b"){0,%d}" % (batch - 1)
        one = _INSERT + statement + more + b"|" + one
    return _compile(_LEAD + b"(" + one + b")|")
