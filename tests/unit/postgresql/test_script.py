# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, DbfleetError, UsageError
from dbfleet.postgresql.script import ScriptSplitter
from dbfleet.postgresql.script_commands import ScriptSettings
from dbfleet.postgresql.script_meta import MetaCommand

SIZES = [1, 2, 3, 7, 64, 1 << 16]


class Source:
    """Gives a script in pieces of at most a fixed size."""

    def __init__(self, data: bytes, size: int = 1 << 16) -> None:
        self._data = data
        self._size = size
        self._position = 0

    def read(self, size: int) -> bytes:
        data = self._data[self._position : self._position + min(size, self._size)]
        self._position += len(data)
        return data

    def close(self) -> None:
        pass


def walk(script: bytes, size: int = 1 << 16, *, read: int = 1 << 16, batch: int = 1) -> list[object]:
    """Statements as bytes, commands as (name, argument), COPY data as (rows, data) behind its statement."""
    splitter = ScriptSplitter(Source(script, size), block_size=size, batch=batch)
    tracked = ScriptSettings()
    found: list[object] = []
    for item in splitter:
        if isinstance(item, MetaCommand):
            found.append((item.name, item.argument))
            continue
        found.append(item.text)
        assert script[item.offset : item.offset + len(item.text)] == item.text
        assert script.count(b"\n", 0, item.offset) + 1 == item.line
        assert (item.copy is None) is (splitter.data is None)
        if splitter.data is not None:
            pieces = iter(lambda: splitter.data.read(read), b"")  # type: ignore[union-attr]
            data = b"".join(pieces)
            assert splitter.data.size == len(data)
            found.append((splitter.data.rows, data))
        elif tracked.observe(item.text):
            splitter.use_settings(
                standard_conforming_strings=tracked.standard_conforming_strings,
                client_encoding=tracked.client_encoding,
            )
    return found


FUNCTION = b"""CREATE OR REPLACE FUNCTION f(a integer, b text) RETURNS integer LANGUAGE sql BEGIN ATOMIC
  SELECT CASE WHEN a = 1 THEN CASE b WHEN ';' THEN 2 END ELSE 3 END;
  SELECT (CASE WHEN true THEN 1 END); -- end;
  SELECT 'end;', "end;";
END;"""

CASES = [
    ("simple", b"SELECT 1; x;\n\n  y  ;", [b"SELECT 1;", b"x;", b"y  ;"]),
    ("empty", b";;\n ; -- ;\n;", []),
    ("nothing", b"", []),
    ("only comments", b"-- a\n--b\n\n/* c; */ -- d", []),
    ("string", b"SELECT ';''; -- /* \\';x;", [b"SELECT ';''; -- /* \\';", b"x;"]),
    ("escape string", b"SELECT E'\\'; '''; e'\\\\'; x;", [b"SELECT E'\\'; ''';", b"e'\\\\';", b"x;"]),
    ("an identifier that ends in e", b"SELECT ae'\\'; x;", [b"SELECT ae'\\';", b"x;"]),
    ("E behind a string", b"SELECT 'a'E'\\';';x;", [b"SELECT 'a'E'\\';';", b"x;"]),
    ("E behind a dollar quote", b"SELECT $$a$$E'\\';';x;", [b"SELECT $$a$$E'\\';';", b"x;"]),
    ("E behind a comment", b"SELECT/**/E'\\';';x;", [b"SELECT/**/E'\\';';", b"x;"]),
    (
        "bits, national and Unicode",
        b"SELECT B'\\', X'\\', N'\\', U&'\\';x;",
        [b"SELECT B'\\', X'\\', N'\\', U&'\\';", b"x;"],
    ),
    ("names in quotes", b'SELECT "a;""\'", U&"\\;";x;', [b'SELECT "a;""\'", U&"\\;";', b"x;"]),
    (
        "dollar quotes",
        b"DO $$ ; ' $x$ ; $$;DO $a$ $$ ; $b$a$;x;",
        [b"DO $$ ; ' $x$ ; $$;", b"DO $a$ $$ ; $b$a$;", b"x;"],
    ),
    ("dollar in a name", b"SELECT a$b$; x; c$$;", [b"SELECT a$b$;", b"x;", b"c$$;"]),
    ("parameters", b"SELECT $1; $1$$;$$; 1$$;$$; 1a$$;", [b"SELECT $1;", b"$1$$;$$;", b"1$$;$$;", b"1a$$;"]),
    ("a tag cannot begin with a digit", b"SELECT $1a$;x;", [b"SELECT $1a$;", b"x;"]),
    ("Unicode tag", "DO $ä1$;$ä$;$ä1$;x;".encode(), ["DO $ä1$;$ä$;$ä1$;".encode(), b"x;"]),
    ("line comment", b"SELECT 1 -- ;'\n+1;x;", [b"SELECT 1 -- ;'\n+1;", b"x;"]),
    ("a carriage return ends a line comment", b"SELECT 1 -- ;'\r+1;x;", [b"SELECT 1 -- ;'\r+1;", b"x;"]),
    ("comment in an operator", b"SELECT 1 +-- ;\n2;SELECT 1 */*;*/ 2;", [b"SELECT 1 +-- ;\n2;", b"SELECT 1 */*;*/ 2;"]),
    ("nested comment", b"SELECT /* ; /* ' */ ; **/ 1;x;", [b"SELECT /* ; /* ' */ ; **/ 1;", b"x;"]),
    ("short comments", b"SELECT /**/ 1;/*/ ; */ x;", [b"SELECT /**/ 1;", b"/*/ ; */ x;"]),
    ("signs", b"SELECT 1-2/3*4 - -5/ 2;x;", [b"SELECT 1-2/3*4 - -5/ 2;", b"x;"]),
    (
        "brackets",
        b"CREATE RULE r AS ON INSERT TO t DO (a; (b;); c);x;",
        [b"CREATE RULE r AS ON INSERT TO t DO (a; (b;); c);", b"x;"],
    ),
    ("a bracket too many", b"SELECT 1);SELECT 2;", [b"SELECT 1);", b"SELECT 2;"]),
    ("bracket in a string", b"INSERT INTO t VALUES (')');x;", [b"INSERT INTO t VALUES (')');", b"x;"]),
    (
        "deep brackets",
        b"INSERT INTO t VALUES ((((((1))))), ';');x;",
        [b"INSERT INTO t VALUES ((((((1))))), ';');", b"x;"],
    ),
    (
        "casts and slices",
        b"SELECT a::text, b[1:2], c[a:b], d := 1;x;",
        [b"SELECT a::text, b[1:2], c[a:b], d := 1;", b"x;"],
    ),
    ("variables that are not set", b"SELECT :a, :'b', :\"c\", :'d;';x;", [b"SELECT :a, :'b', :\"c\", :'d;';", b"x;"]),
    ("SQL body", FUNCTION + b"x;", [FUNCTION, b"x;"]),
    (
        "SQL body of a procedure",
        b"create procedure p() begin atomic a; b; end;x;",
        [b"create procedure p() begin atomic a; b; end;", b"x;"],
    ),
    (
        "comment inside the heading",
        b"CREATE /* ; */ FUNCTION f() BEGIN a; END;x;",
        [b"CREATE /* ; */ FUNCTION f() BEGIN a; END;", b"x;"],
    ),
    (
        "begin of another kind",
        b"CREATE TABLE t (a int); BEGIN; x; END;",
        [b"CREATE TABLE t (a int);", b"BEGIN;", b"x;", b"END;"],
    ),
    (
        "words that only begin so",
        b"CREATE FUNCTIONS begin;x;CREATE OR REPLACE VIEW begin;y;",
        [b"CREATE FUNCTIONS begin;", b"x;", b"CREATE OR REPLACE VIEW begin;", b"y;"],
    ),
    (
        "begin inside brackets",
        b"CREATE FUNCTION f(begin int) AS 'x';y;",
        [b"CREATE FUNCTION f(begin int) AS 'x';", b"y;"],
    ),
    ("comment in front is sent", b"-- no\n/* yes; */ SELECT 1;", [b"/* yes; */ SELECT 1;"]),
    ("byte order mark", b"\xef\xbb\xbfSELECT 1;", [b"SELECT 1;"]),
    ("white space of all kinds", b"\f\v\t\r\nSELECT\r\n1;\r\nx;\r\n", [b"SELECT\r\n1;", b"x;"]),
    ("broken UTF-8", b"SELECT '\xff\xfe;\xc3';\xc3;", [b"SELECT '\xff\xfe;\xc3';", b"\xc3;"]),
    (
        "strings with escapes",
        b"SET standard_conforming_strings = off;\nSELECT '\\';', B'\\', U&'\\', n'\\';'; x;",
        [b"SET standard_conforming_strings = off;", b"SELECT '\\';', B'\\', U&'\\', n'\\';';", b"x;"],
    ),
    (
        "and on again",
        b"SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);SELECT '\\';';RESET ALL;'\\';x;",
        [
            b"SELECT pg_catalog.set_config('standard_conforming_strings', 'off', false);",
            b"SELECT '\\';';",
            b"RESET ALL;",
            b"'\\';",
            b"x;",
        ],
    ),
    (
        "characters that hold a backslash",
        b"SET client_encoding = 'SJIS';\nSELECT '\x83\x5c', E'\x83\x5c';\x83\x5c;x;",
        [b"SET client_encoding = 'SJIS';", b"SELECT '\x83\x5c', E'\x83\x5c';", b"\x83\x5c;", b"x;"],
    ),
    (
        "GB18030",
        b"SET NAMES gb18030;\nSELECT '\x81\x30\x81\x30;\x81\x5c';x;",
        [b"SET NAMES gb18030;", b"SELECT '\x81\x30\x81\x30;\x81\x5c';", b"x;"],
    ),
    (
        "copy",
        b'COPY public.t (a, "b") FROM stdin;\n1\t2\n\\\\.\n\n\\N\t;\'\n\\.\n\nx;',
        [b'COPY public.t (a, "b") FROM stdin;', (4, b"1\t2\n\\\\.\n\n\\N\t;'\n"), b"x;"],
    ),
    ("copy of nothing", b"COPY t FROM stdin;\n\\.\nx;", [b"COPY t FROM stdin;", (0, b""), b"x;"]),
    (
        "copy with carriage returns",
        b"COPY t FROM stdin;\r\n1\r\n\\.\r\nx;",
        [b"COPY t FROM stdin;", (1, b"1\r\n"), b"x;"],
    ),
    ("marker at the script's end", b"COPY t FROM stdin;\n1\n\\.", [b"COPY t FROM stdin;", (1, b"1\n")]),
    (
        "not a marker",
        b"COPY t FROM stdin;\n\\.x\n\\.\r\r\n \\.\n\\. \nx\\.\n\\.\ny;",
        [b"COPY t FROM stdin;", (5, b"\\.x\n\\.\r\r\n \\.\n\\. \nx\\.\n"), b"y;"],
    ),
    (
        "copy in other words",
        b"/* x */ copy a.t from STDOUT with (format csv) where a > 1; -- y\n1\n\\.\nx;",
        [b"/* x */ copy a.t from STDOUT with (format csv) where a > 1;", (1, b"1\n"), b"x;"],
    ),
    (
        "copy of the server's own",
        b"COPY t FROM '/x'; COPY t TO PROGRAM 'x'; COPY (SELECT 1) TO '/x';",
        [b"COPY t FROM '/x';", b"COPY t TO PROGRAM 'x';", b"COPY (SELECT 1) TO '/x';"],
    ),
    (
        "restricted",
        b"\\restrict aB3\n\nSELECT 1;\n\\unrestrict aB3\n",
        [("restrict", "aB3"), b"SELECT 1;", ("unrestrict", "aB3")],
    ),
    ("connect", b'\\connect shop\n\\connect "Sh.op"  \r\nx;', [("connect", "shop"), ("connect", "Sh.op"), b"x;"]),
    (
        "connect to odd names",
        b'\\encoding SQL_ASCII\n\\connect -reuse-previous=on "dbname=\'a ""b\\\'c\\\\d;\'"\nx;',
        [("encoding", "SQL_ASCII"), ("connect", "a \"b'c\\d;"), b"x;"],
    ),
]


@pytest.mark.parametrize(("script", "want"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("size", SIZES)
def test_splits_as_psql_does(script: bytes, want: list[object], size: int) -> None:
    assert walk(script, size) == want


@pytest.mark.parametrize("script", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_batches_hold_the_same_text(script: bytes) -> None:
    def flat(found: list[object]) -> bytes:
        return b"".join(one for one in found if isinstance(one, bytes)).translate(None, b" \n")

    assert flat(walk(script, batch=100)) == flat(walk(script))


def test_inserts_come_in_batches() -> None:
    insert = b"INSERT INTO t VALUES (1, 'a;b');\n"
    script = b"SELECT 1;" + insert * 5 + b"-- x\n" + insert + b"SELECT 2;" + insert
    assert walk(script, batch=3) == [
        b"SELECT 1;",
        (insert * 3)[:-1],
        (insert * 2)[:-1],
        insert[:-1],
        b"SELECT 2;",
        insert[:-1],
    ]


REFUSED = [
    (b"\\! ls\n", "\\!"),
    (b"SELECT 1 \\gexec\n", "\\gexec"),
    (b"\\i /etc/passwd\n", "\\i"),
    (b"\\copy t from x\n", "\\copy"),
    (b"\\set a b\n", "\\set"),
    (b"\\if true\n", "\\if"),
    (b"\\c x\n", "\\c"),
    (b"\\connect a b\n", "\\connect"),
    (b"\\connect host=evil\n", "\\connect"),
    (b'\\connect "host=evil"\n', "\\connect"),
    (b"\\connect -\n", "\\connect"),
    (b"\\connect postgres://evil\n", "\\connect"),
    (b"\\connect a \\! ls\n", "\\connect"),
    (b"\\connect `ls`\n", "\\connect"),
    (b"\\connect :x\n", "\\connect"),
    (b"\\connect -reuse-previous=on \"dbname='a' host='b'\"\n", "\\connect"),
    (b'\\connect -reuse-previous=on "dbname=\'a"" host=\'b\'"\n', "\\connect"),
    (b"\\encoding 'x'\n", "\\encoding"),
    (b"\\.\n", "\\."),
    (b"\\N\t1\n", "\\N"),
    (b"SELECT 1; \\connect x\n", "\\connect"),
    (b"SELECT (\\connect x\n", "\\connect"),
    (b"SELECT 1\\;", "\\;"),
    (b"SELECT 1 \\\\ x;", "\\"),
    (b"\\restrict\n", "\\restrict"),
    (b"\\restrict 'a'\n", "\\restrict"),
    (b"\\unrestrict a\n", "\\unrestrict"),
    (b"\\restrict a\n\\unrestrict b\n", "\\unrestrict"),
    (b"\\restrict a\n\\connect x\n", "\\connect"),
    (b"\\restrict a\n\\restrict b\n", "\\restrict"),
    (b"\\\x1b[2J;\n", "\\?"),
    (b"SELECT :DBNAME;", ":DBNAME"),
    (b"SELECT :'USER';", ":'USER'"),
    (b'SELECT :"HOST";', ':"HOST"'),
    (b"SELECT :{?x};", ":{?x}"),
    (b"COPY t TO STDOUT;", "COPY"),
    (b"COPY BINARY t FROM stdin;\n", "binary"),
    (b"COPY t FROM stdin (FORMAT 'binary');\n", "binary"),
    (b"COPY t FROM stdin WITH BINARY;\n", "binary"),
    (b"COPY t FROM stdin; SELECT 1;\n", "COPY"),
    (b"PGDMP\1\16", "archive"),
]


@pytest.mark.parametrize(("script", "name"), REFUSED)
@pytest.mark.parametrize("size", [1, 3, 1 << 16])
def test_refuses_by_name_what_only_psql_runs(script: bytes, name: str, size: int) -> None:
    first = b"" if script.startswith(b"PGDMP") else b"SELECT '\n';\n"
    with pytest.raises(UsageError) as caught:
        walk(first + script, size)
    assert name in caught.value.message
    if first:
        assert caught.value.context["line"] == (4 if script.startswith(b"\\restrict a\n") else 3)
        assert "\x1b" not in caught.value.message


UNFINISHED = [
    (b"SELECT 1", 1),
    (b"a;\nSELECT '1;", 2),
    (b"SELECT E'\\';", 1),
    (b'SELECT "a;', 1),
    (b"DO $$ ;", 1),
    (b"DO $a", 1),
    (b"a; /* x", 1),
    (b"SELECT (1;", 1),
    (b"CREATE FUNCTION f() BEGIN ATOMIC a;", 1),
    (b"COPY t FROM stdin;", 1),
    (b"\nCOPY t FROM stdin;\n1\n2\n", 2),
    (b"COPY t FROM stdin;\n1\n\\", 1),
    (b"COPY t FROM stdin;\n\\.\r", 1),
    (b"a -- ;", 1),
]


@pytest.mark.parametrize(("script", "line"), UNFINISHED)
@pytest.mark.parametrize("size", [1, 2, 1 << 16])
def test_a_script_that_breaks_off_is_corrupt(script: bytes, line: int, size: int) -> None:
    with pytest.raises(CorruptArtifactError) as caught:
        walk(script, size)
    assert caught.value.context["line"] == line


def test_a_missing_unrestrict_is_a_truncation() -> None:
    with pytest.raises(CorruptArtifactError, match="unrestrict"):
        walk(b"\\restrict abc\nSELECT 1;\n")


def test_zero_bytes_never_cut_a_statement_short() -> None:
    with pytest.raises(CorruptArtifactError, match="line 2 .* zero byte"):
        walk(b"SELECT 1;\nINSERT INTO t VALUES ('\0');")


@pytest.mark.parametrize(
    "script", [b"SELECT '" + b"x" * 2000 + b"';", b"INSERT INTO t VALUES ('" + b"x" * 999, b"/*" * 1000]
)
def test_statements_are_bounded(script: bytes) -> None:
    with pytest.raises(CorruptArtifactError, match="line 2 .* larger than 1000 bytes"):
        list(ScriptSplitter(Source(b"a;\n" + script), largest=1000, block_size=64))


def test_data_that_is_not_read_is_never_sql() -> None:
    script = b"COPY t FROM stdin;\nDROP TABLE a;\nDROP TABLE b;\n\\.\nSELECT 1;COPY u FROM stdin;\nDROP TABLE c;\n\\.\n"
    for size in SIZES:
        splitter = ScriptSplitter(Source(script, size), block_size=size)
        seen = []
        for item in splitter:
            seen.append(item)
            if splitter.data is not None and len(seen) == 1:
                splitter.data.read(5)
        assert [one.text for one in seen] == [b"COPY t FROM stdin;", b"SELECT 1;", b"COPY u FROM stdin;"]  # type: ignore[union-attr]


def test_copy_says_its_table() -> None:
    def table(text: bytes) -> tuple[str, str]:
        (item,) = ScriptSplitter(Source(text + b"\n\\.\n"))
        assert not isinstance(item, MetaCommand)
        assert item.copy is not None
        return item.copy.schema, item.copy.table

    assert table(b'COPY public.orders (id, "from") FROM stdin;') == ("public", "orders")
    assert table(b'COPY "Odd ""x"."ta.b" FROM STDIN;') == ('Odd "x', "ta.b")
    assert table(b"copy Orders from stdin;") == ("", "orders")
    assert table(b'COPY public."from" (a) FROM stdin;') == ("public", "from")
    assert table(b"COPY db.s.t FROM stdin WITH (FORMAT csv, NULL 'binary');") == ("s", "t")


def test_memory_does_not_grow_with_the_data() -> None:
    row = b"x" * 99 + b"\n"

    class Endless(Source):
        blocks = 400

        def read(self, size: int) -> bytes:
            self.blocks -= 1
            if self._position == 0:
                return super().read(size)
            return row * 5000 if self.blocks > 0 else b"\\.\n" if self.blocks == 0 else b""

    splitter = ScriptSplitter(Endless(b"COPY t FROM stdin;\n"))
    tracemalloc.start()
    for _item in splitter:
        while splitter.data is not None and splitter.data.read(1 << 18):
            pass
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


# -- properties

_NAMES = st.sampled_from(
    ["a", "E", "be", "x$y", "begin", "end", "case", "create", "function", "ä", '"q;""x"', "1", "$1", "::"]
)
_STRINGS = st.text("a;'\\\n-$e\"", max_size=8)
_TAGS = st.sampled_from([b"$$", b"$a$", b"$_X$"])
_SPACES = st.sampled_from([b" ", b"\n", b"\t", b" -- ;'\n", b" /* ; /* ' */ */ ", b"\r\n"])
_PIECES = st.one_of(
    _NAMES.map(str.encode),
    _STRINGS.map(lambda text: b"'" + text.replace("'", "''").encode() + b"'"),
    _STRINGS.map(lambda text: b"E'" + text.replace("\\", "\\\\").replace("'", "\\'").encode() + b"'"),
    st.tuples(_TAGS, _STRINGS).map(lambda pair: pair[0] + pair[1].encode().replace(b"$", b"") + pair[0]),
    _STRINGS.map(lambda text: b'"' + text.replace('"', '""').encode() + b'"'),
    st.sampled_from([b"(1, ';')", b"(a (b))", b",", b"-", b"/ 2", b"+"]),
)
_ORDINARY = st.lists(st.tuples(_PIECES, _SPACES), min_size=1, max_size=8).map(
    lambda pairs: b"SELECT " + b"".join(piece + space for piece, space in pairs) + b";"
)
_COPIES = st.lists(st.text("a\t;'N", max_size=6).map(lambda text: text.encode() + b"\n"), max_size=5).map(
    lambda rows: (b"COPY t (a) FROM stdin;", (len(rows), b"".join(rows)))
)
_FUNCTIONS = st.lists(_ORDINARY.filter(lambda text: not any(w in text for w in (b"begin", b"end", b"case")))).map(
    lambda statements: b"CREATE FUNCTION f() BEGIN ATOMIC\n" + b"\n".join(statements) + b"\nEND;"
)


@given(
    items=st.lists(st.one_of(_ORDINARY, _COPIES, _FUNCTIONS), max_size=8),
    space=st.sampled_from([b"\n", b"\n\n-- x;'\n  ", b"\r\n\n"]),
    size=st.integers(1, 80),
    batch=st.sampled_from([1, 50]),
)
@settings(max_examples=150, deadline=None)
def test_what_was_joined_is_divided_the_same_way(items: list[object], space: bytes, size: int, batch: int) -> None:
    script = b""
    want: list[object] = []
    for item in items:
        if isinstance(item, tuple):
            script += item[0] + b"\n" + item[1][1] + b"\\.\n" + space
            want += item
        else:
            script += item + space  # type: ignore[operator]
            want.append(item)
    assert walk(script, size, batch=batch) == want


@given(rows=st.lists(st.binary(max_size=6).filter(lambda row: b"\n" not in row and row not in (b"\\.", b"\\.\r"))),
       size=st.integers(1, 20), read=st.integers(1, 20))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_copy_data_comes_byte_for_byte(rows: list[bytes], size: int, read: int) -> None:
    data = b"".join(row + b"\n" for row in rows)
    script = b"COPY t FROM stdin;\n" + data + b"\\.\nSELECT 1;"
    assert walk(script, size, read=read) == [b"COPY t FROM stdin;", (len(rows), data), b"SELECT 1;"]


_FRAGMENTS = [
    b"'",
    b'"',
    b"$$",
    b"$a$",
    b"\\",
    b"\n",
    b";",
    b"--",
    b"/*",
    b"*/",
    b"(",
    b")",
    b"E'",
    b"COPY t FROM stdin;\n",
    b"\\.\n",
    b"CREATE FUNCTION ",
    b"begin ",
    b"end ",
    b"case ",
    b":",
    b"::",
    b":{?x}",
    b"a",
    b" ",
    b"\\connect x\n",
    b"\\restrict a\n",
    b"\\unrestrict a\n",
    b"SET standard_conforming_strings = off;",
    b"SET NAMES 'SJIS';",
    b"\x81",
    b"\0",
    b"\xff",
    b"\r",
    b"\\'",
    b"INSERT INTO t VALUES (1);\n",
    b"\xef\xbb\xbf",
]


@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=40).map(b"".join), st.integers(1, 50))
@settings(max_examples=300, deadline=None)
def test_hostile_scripts_give_an_error_or_the_same_items_whatever_the_blocks(script: bytes, size: int) -> None:
    def outcome(block: int) -> object:
        try:
            return walk(script, block)
        except DbfleetError as error:
            return type(error), error.message

    assert outcome(size) == outcome(1 << 16)


def test_random_bytes_give_an_error_at_worst() -> None:
    chance = random.Random(7)
    for _attempt in range(300):
        script = bytes(chance.choices(range(256), k=chance.randrange(400)))
        try:
            walk(script, chance.randrange(1, 100))
        except DbfleetError:
            continue
