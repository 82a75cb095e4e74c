# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, DbfleetError, UsageError
from dbfleet.mysql.script import ScriptSplitter, Statement
from dbfleet.mysql.script_insert import InsertRows, head_end


class Source:
    """Gives a script in pieces of a fixed size."""

    def __init__(self, data: bytes, size: int = 1 << 16) -> None:
        self._data = data
        self._size = size
        self._position = 0

    def read(self, size: int) -> bytes:
        end = self._position + min(self._size, size)
        piece, self._position = self._data[self._position : end], end
        return piece

    def close(self) -> None:
        pass


def split(script: bytes, size: int = 1 << 16, **arguments: int) -> list[Statement]:
    return list(ScriptSplitter(Source(script, size), **arguments))


def texts(script: bytes, size: int = 1 << 16) -> list[bytes]:
    return [statement.text for statement in split(script, size)]


CASES = [
    ("two statements", b"SELECT 1;SELECT 2;", [b"SELECT 1", b"SELECT 2"]),
    ("the last one without delimiter", b"SELECT 1;\nSELECT 2\n", [b"SELECT 1", b"SELECT 2"]),
    ("empty ones", b";; ;\n;SELECT 1;;", [b"SELECT 1"]),
    ("nothing", b"", []),
    ("only comments", b"-- a;\n# b;\n/* c; */", []),
    ("byte order mark", b"\xef\xbb\xbfSELECT 1;", [b"SELECT 1"]),
    ("delimiter in strings", b"SELECT ';', \";\", `;`;x;", [b"SELECT ';', \";\", `;`", b"x"]),
    ("doubled quotes", b"SELECT 'a'';b', \"a\"\";b\", `a``;b`;x;", [b"SELECT 'a'';b', \"a\"\";b\", `a``;b`", b"x"]),
    ("escaped quotes", b"SELECT 'a\\';b', \"a\\\";b\";x;", [b"SELECT 'a\\';b', \"a\\\";b\"", b"x"]),
    ("escaped backslash", b"SELECT 'a\\\\';x;", [b"SELECT 'a\\\\'", b"x"]),
    ("no escapes in back quotes", b"SELECT `a\\`;x;", [b"SELECT `a\\`", b"x"]),
    ("other quotes in quotes", b"SELECT '\"`', \"'`\", `'\"`;x;", [b"SELECT '\"`', \"'`\", `'\"`", b"x"]),
    ("comment in a string", b"SELECT '-- ', '# ', '/* ';x;", [b"SELECT '-- ', '# ', '/* '", b"x"]),
    ("dashes comment", b"SELECT 1 -- ;'\n+1;x;", [b"SELECT 1 -- ;'\n+1", b"x"]),
    ("dashes at the end of a line", b"SELECT 1 --\n+1;x;", [b"SELECT 1 --\n+1", b"x"]),
    ("dashes without white space are minus signs", b"SELECT 1--2;x;", [b"SELECT 1--2", b"x"]),
    ("at the begin of a statement they comment", b"--a;'\nSELECT 1;--b\nx;", [b"SELECT 1", b"x"]),
    ("hash comment", b"SELECT 1 # ;'\n+1;x;", [b"SELECT 1 # ;'\n+1", b"x"]),
    ("comment over lines", b"SELECT /* ; '\n ; */ 1;x;", [b"SELECT /* ; '\n ; */ 1", b"x"]),
    ("hint", b"SELECT /*+ x(';) */ 1;x;", [b"SELECT /*+ x(';) */ 1", b"x"]),
    ("signs", b"SELECT 1-2/3*4 - -5/ 2;x;", [b"SELECT 1-2/3*4 - -5/ 2", b"x"]),
    ("executable comment", b"/*!40101 SET a=';' */;x;", [b"/*!40101 SET a=';' */", b"x"]),
    ("executable comment is code", b"/*! a; */;x;", [b"/*! a", b"*/", b"x"]),
    ("MariaDB's executable comment", b"/*M!100100 SET a=';' */;x;", [b"/*M!100100 SET a=';' */", b"x"]),
    ("comment inside an executable one", b"/*!1 a /* ;' */ b */;x;", [b"/*!1 a /* ;' */ b */", b"x"]),
    ("delimiter command", b"DELIMITER ;;\na;b;;\ndelimiter ;\nc;d;", [b"a;b", b"c", b"d"]),
    ("delimiter of several kinds", b"DELIMITER $$\na;b$$ DELIMITER //\nc/d//\nDELIMITER |\ne|", [b"a;b", b"c/d", b"e"]),
    ("quoted delimiter", b"DELIMITER '@@'\na;@@\n", [b"a;"]),
    ("delimiter that looks like a comment", b"DELIMITER --\na;--b----", [b"a;", b"b"]),
    ("delimiter with carriage return", b"DELIMITER ;;\r\na;;\r\nDELIMITER ;\r\nb;\r\n", [b"a", b"b"]),
    ("half a delimiter", b"DELIMITER ;;\na;';;'b;c;;", [b"a;';;'b;c"]),
    ("the word delimiter elsewhere", b"SELECT delimiter FROM t;x;", [b"SELECT delimiter FROM t", b"x"]),
    ("back slash g", b"SELECT 1\\g SELECT 2\\G\nx;", [b"SELECT 1", b"SELECT 2", b"x"]),
    ("old NULL", b"SELECT \\N;x;", [b"SELECT \\N", b"x"]),
    ("use", b"USE `a;b`;x;", [b"USE `a;b`", b"x"]),
    ("use on a line", b"use shop\nSELECT 1;", [b"use shop", b"SELECT 1"]),
    ("charset", b"/*!\\C utf8mb4 */;SELECT 1;\\C latin1\ncharset utf8;x;", [b"SELECT 1", b"x"]),
    ("sandbox", b"/*M!999999\\- enable the sandbox mode */ \n-- x\nSELECT 1;", [b"SELECT 1"]),
    ("older sandbox", b"/*!999999\\- enable the sandbox mode */\nSELECT 1;", [b"SELECT 1"]),
    ("zero bytes and broken UTF-8", b"SELECT '\0\xff\xfe;';\xc3;", [b"SELECT '\0\xff\xfe;'", b"\xc3"]),
    ("words that begin like commands", b"helpme;source_x;exit1;tee.x;", [b"helpme", b"source_x", b"exit1", b"tee.x"]),
]  # fmt: skip


@pytest.mark.parametrize(("script", "want"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 16])
def test_splits_as_the_client_does(script: bytes, want: list[bytes], size: int) -> None:
    assert texts(script, size) == want


def test_line_and_offset() -> None:
    script = b"-- x\nSELECT\n1;\n\n  /* c\n */ SELECT 'a\nb'; x;\ny"
    for size in (1, 5, 1 << 16):
        statements = split(script, size)
        assert [one.line for one in statements] == [2, 6, 7, 8]
        assert [script[one.offset : one.offset + len(one.text)] for one in statements] == [x.text for x in statements]
        assert [one.terminated for one in statements] == [True, True, True, False]


def test_no_backslash_escapes() -> None:
    splitter = ScriptSplitter(Source(b"a; SELECT '\\'; SELECT \"\\\"; b; SELECT '\\';';"))
    found = []
    for statement in splitter:
        found.append(statement.text)
        splitter.backslash_escapes = statement.text == b"b"
    assert found == [b"a", b"SELECT '\\'", b'SELECT "\\"', b"b", b"SELECT '\\';'"]


def test_sandbox_is_noticed() -> None:
    splitter = ScriptSplitter(Source(b"/*M!999999\\- enable the sandbox mode */ \nSELECT 1;"))
    assert [one.text for one in splitter] == [b"SELECT 1"]
    assert splitter.sandbox


COMMANDS = [
    b"system ls\n", b"\\! ls\n", b"source /etc/passwd\n", b"\\. /etc/passwd\n", b"tee /tmp/x\n", b"\\T /tmp/x\n",
    b"pager less\n", b"\\P less\n", b"edit\n", b"\\e\n", b"connect a b\n", b"\\r a b\n", b"SOURCE x;", b"quit\n",
    b"exit;", b"\\q\n", b"help\n", b"? x\n", b"prompt x\n", b"\\u other\n", b"\\d ;;\n", b"notee\n", b"go\n",
    b"warnings\n",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_client_commands_are_refused_by_name(command: bytes, size: int) -> None:
    with pytest.raises(UsageError) as caught:
        split(b"SELECT 1;\n\n" + command, size)
    assert caught.value.context["line"] == 3
    assert command.lower().split()[0].rstrip(b";").decode() in caught.value.message.lower()


def test_client_command_in_the_middle_of_a_statement_is_refused() -> None:
    with pytest.raises(UsageError, match="line 2"):
        split(b"SELECT 1\n+ \\! rm\n;")


@pytest.mark.parametrize(
    ("charset", "character"), [(b"cp932", b"\x83\x5c"), (b"gbk", b"\x81\x60"), (b"big5", b"\xa4\x5c")]
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1 << 16])
def test_characters_that_hold_the_byte_of_a_quote_stay_whole(charset: bytes, character: bytes, size: int) -> None:
    first = b"SELECT '" + character + b"', `" + character + b'`, "' + character + b'\\"" AS ' + character
    second = b"SELECT '\xff\\'' , '" + character[:1] + b"';"
    script = b"/*!\\C " + charset + b" */;\n" + first + b";\n/*!\\C utf8mb4 */;\n" + second
    assert texts(script, size) == [first, second[:-1]]


def test_character_sets_that_no_client_can_have_are_refused() -> None:
    with pytest.raises(UsageError, match="utf16"):
        split(b"\\C utf16\nSELECT 1;")


@pytest.mark.parametrize("line", [b"DELIMITER\n", b"DELIMITER \\\n", b"DELIMITER '\n", b"DELIMITER 0123456789abcdef\n"])
def test_useless_delimiters_are_refused(line: bytes) -> None:
    with pytest.raises(UsageError, match="DELIMITER"):
        split(line + b"SELECT 1;")


@pytest.mark.parametrize(
    ("script", "what"),
    [(b"a;\nSELECT 'x;", "quoted string"), (b"a;\nSELECT `x;", "quoted string"), (b"a;\nSELECT /* ;", "comment")],
)
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_truncation_inside_a_string_or_comment_is_found(script: bytes, what: str, size: int) -> None:
    with pytest.raises(CorruptArtifactError, match=f"{what} .* line 2"):
        split(script, size)


def test_a_statement_above_the_bound_is_refused() -> None:
    with pytest.raises(CorruptArtifactError, match="line 2"):
        split(b"a;\n'" + b"x" * 5000 + b"';", 100, largest=4000)


# -- properties

_byte = st.sampled_from(b"ab;'\"`\\-#/*!$ \n\0\xc3\xa9\xff")
_bytes = st.lists(_byte, max_size=12).map(bytes)


def _quoted(quote: bytes) -> st.SearchStrategy[bytes]:
    def escape(content: bytes) -> bytes:
        if quote != b"`":
            content = content.replace(b"\\", b"\\\\")
        return quote + content.replace(quote, quote * 2) + quote

    return _bytes.map(escape)


_escaped = st.lists(st.sampled_from([b"\\'", b"\\\\", b"\\n", b'"', b"`", b";", b"x"]), max_size=6).map(
    lambda parts: b"'" + b"".join(parts) + b"'"
)
_part = st.one_of(
    st.sampled_from([b"a", b"1", b" ", b"\n", b"-", b"/", b"*", b"(", b"=", b"/*!40101 x */", b"/*M!1 y */", b"1--1"]),
    _quoted(b"'"),
    _quoted(b'"'),
    _quoted(b"`"),
    _escaped,
    _bytes.map(lambda content: b"-- " + content.replace(b"\n", b"") + b"\n"),
    _bytes.map(lambda content: b"#" + content.replace(b"\n", b"") + b"\n"),
    _bytes.map(lambda content: b"/* " + content.replace(b"*", b"") + b"*/"),
)
# White space between the parts keeps two of them from becoming a third thing.
_statement = st.lists(_part, min_size=1, max_size=10).map(lambda parts: b"x " + b" ".join(parts) + b" y")


@given(
    statements=st.lists(_statement, max_size=6),
    size=st.integers(1, 40),
    delimiter=st.sampled_from([b";", b"$$", b"=="]),
)
def test_gives_back_whatever_statements_were_joined(statements: list[bytes], size: int, delimiter: bytes) -> None:
    if any(delimiter in statement for statement in statements) and delimiter != b";":
        delimiter = b";"
    script = b"DELIMITER " + delimiter + b"\n" + b"".join(one + delimiter + b"\n" for one in statements)
    assert texts(script, size) == statements


@given(script=st.lists(_byte, max_size=60).map(bytes), size=st.integers(1, 30))
@settings(max_examples=400)
def test_any_bytes_give_the_same_at_every_block_size(script: bytes, size: int) -> None:
    def outcome(block: int) -> object:
        try:
            return split(script, block)
        except DbfleetError as error:
            return type(error), error.message

    assert outcome(size) == outcome(1 << 16)


INSERT_PARTS = [
    b"`t`", b"`a'b`", b"`a``;\n`", b" VALUES ", b"(1,'a')", b",", b"'", b"''", b"\\", b"\\'", b"\\\\", b'"', b"0xAB",
    b'"x;\n\'"', b"`", b";", b";\n", b"-- c'\n", b"--", b"#;\n", b"/* ' */", b"/*! ' */", b"\x01", b"-1", b"\xff",
]  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(INSERT_PARTS), max_size=14), st.integers(1, 40))
def test_the_fast_way_through_inserts_cuts_as_the_exact_way(parts: list[bytes], size: int) -> None:
    script = b"INSERT INTO `t` VALUES (" + b"".join(parts) + b";\nREPLACE INTO `t` VALUES ('x;\n');\nSELECT 1;\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dbfleet.mysql.script.head_end", lambda block, start: -1)
        want = _outcome(script, size)
    assert _outcome(script, size) == want


def _outcome(script: bytes, size: int) -> list[object]:
    found: list[object] = []
    try:
        found.extend(ScriptSplitter(io.BytesIO(script), block_size=size))
    except DbfleetError as error:
        found.append((type(error), error.message))
    return found


def test_the_fast_way_is_taken_for_what_dump_programs_write() -> None:
    """Or the speed would be lost without a sign."""
    for head in (
        b"INSERT INTO `t` VALUES ",
        b"REPLACE INTO `a b` (`x`, `y`) VALUES\n",
        b"INSERT IGNORE INTO `t` VALUES ",
    ):
        rows = b"(1,-2.5e-3,NULL,'it\\'s; -- # /* \"','\\\\',0xAB,_binary 'x\\n'),\n(2,3,4,'','a''b',X'00','')"
        assert head_end(head + rows, 0) == len(head)
        reader = InsertRows()
        assert reader.usual(rows)
        assert not reader.inside_string
