# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts are divided as the genuine psql divides them: what it sends to a real server is compared."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, UsageError
from dbfleet.postgresql.script import ScriptSplitter
from dbfleet.postgresql.script_commands import ScriptSettings
from dbfleet.postgresql.script_meta import MetaCommand
from dbfleet.postgresql.script_scan import PSQL_VARIABLES
from tests import servers
from tests.integration.postgresql.script_support import Recorder, recorder, sent_by_psql

NASTY = {
    "strings": b"SELECT ';''; -- /* \\';\n"
    b"SELECT E'\\'; ''' , e'\\\\';\n"
    b"SELECT ae'\\';\n"
    b"SELECT 'a'E'\\';';\n"
    b"SELECT $$a$$E'\\';';\n",
    "continued strings": b"SELECT 'a'\n"
    b"';b';\n"
    b"SELECT E'a'\n"
    b"'b\\'c'; SELECT 2;\n"
    b" ';\n"
    b"SELECT 'a' -- x\n"
    b" ';';SELECT U&'a'\n"
    b"';';\n",
    "prefixes": b"SELECT B'\\', X'\\', N'\\', U&'\\', U&\"a;\\\";\n"
    b"SELECT 1E'\\';\n"
    b"SELECT xE'\\';\n"
    b"SELECT x_e'\\';\n"
    b"SELECT \xc3\xa4e'\\';\n",
    "names": b'SELECT "a;""\'", "--", "/*", "$$;";\nSELECT "a";"b";\n',
    "dollars": b"DO $$ ; ' $x$ ; $$;DO $a$ $$ ; $b$a$;SELECT a$b$; c$$;\n"
    b"SELECT $1; SELECT $1$$;$$; SELECT 1$$;$$;\n"
    b"DO $a$;$aa$;$a$$b$;$b$;\n",
    "odd dollars": b"DO $\xc3\xa41$;$\xc3\xa4$;$\xc3\xa41$;\n"
    b"SELECT $1a$;\n"
    b"SELECT a.$$;$$;\n"
    b"SELECT 1.5$$;$$;SELECT _$$;\n"
    b"SELECT $_$;$_$;\n",
    "numbers": b"SELECT 1a$$;\nSELECT 0x1F$$;\nSELECT 1_0$$;\nSELECT 1e5$$;$$;\nSELECT 1e+5$$;$$;SELECT 1..2;\n",
    "comments": b"SELECT 1 -- ;'\n"
    b"+1;\n"
    b"SELECT /* ; /* ' */ ; **/ 1;SELECT /**/ 1;/*/ ; */ SELECT 2;\n"
    b"SELECT 1 +-- ;\n"
    b"2;SELECT 1 */*;*/ 2;\n",
    "comments between": b"-- a;\n"
    b"/* b; */\n"
    b"-- c\n"
    b"SELECT 1; -- d;\n"
    b"SELECT 2;/* e;\n"
    b"\n"
    b" f */ -- g\n"
    b"/* h */;\n"
    b"SELECT 3;\n"
    b"-- end",
    "comment at a carriage return": b"SELECT 1 -- x\r+1;\nSELECT 2;\r\n-- x\r\nSELECT 3\r\n;\r\n",
    "brackets": b"SELECT (1;2);\n"
    b"SELECT 1);SELECT 2;\n"
    b"SELECT ((';'));SELECT [;];\n"
    b"CREATE RULE r AS ON INSERT TO t DO (a; (b;); c);\n",
    "variables": b"SELECT a::text, b[1:2], c[a:b], d := 1;\n"
    b"SELECT :a, :'b', :\"c\", :'d;', :1, ::DBNAME, :dbname;\n"
    b"SELECT :'e;\n"
    b"';\n",
    "bodies": b"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1;"
    b" SELECT CASE WHEN true THEN 1 END; END;\nSELECT 1;\n"
    b"create or replace procedure p() begin atomic select 1;"
    b" select case 1 when 1 then case 2 when 2 then 3 end end; end;\n"
    b"SELECT 2;\n",
    "not bodies": b"CREATE FUNCTIONS begin;SELECT 1;CREATE OR REPLACE VIEW begin;SELECT 2;"
    b'CREATE "x" FUNCTION begin;end;\n'
    b"CREATE FUNCTION f(begin int) AS 'x';SELECT 3;CREATE OR FUNCTION begin;SELECT 4;"
    b"SELECT CREATE FUNCTION begin;SELECT 5;\n",
    "words of the heading": b"/* x */ CREATE -- y\n /* z */ OR\nREPLACE\nFUNCTION f() BEGIN a; E'\\';'; END;SELECT 1;\n"
    b"CREATE (x FUNCTION begin);SELECT 2;E'a' CREATE FUNCTION BEGIN x; END;SELECT 3;1 CREATE FUNCTION BEGIN x; END;\n",
    "copy": b"COPY t FROM stdin;\n"
    b"1\t2;'\n"
    b"\\\\.\t\n"
    b"\\N\t\\N\n"
    b"\\.\n"
    b"SELECT 1;\n"
    b"COPY t (a, b) FROM STDIN WITH (FORMAT csv);\n"
    b"1,2\n"
    b"\\.\n"
    b"SELECT 2;\n",
    "copy of nothing": b"COPY t FROM stdin;\n\\.\nSELECT 1;COPY t FROM stdin; -- x\n\\.\nSELECT 2;\n",
    "copy with carriage returns": b"COPY t FROM stdin;\r\n1\t2\r\n\\.\r\nSELECT 1;\r\n",
    "strings with escapes": b"SET standard_conforming_strings = off;\nSELECT '\\';', B'\\', n'\\';"
    b"', \xc3\xa4b'\\';';\nSELECT X'\\', U&'\\';\n"
    b"SELECT '\\\n;';\nRESET standard_conforming_strings;\nSELECT '\\';\n",
    "Shift JIS": b"SET client_encoding = 'SJIS';\nSELECT '\x83\x5c';\nSELECT E'\x83\x5c';\nSELECT 'x';\n",
    "GB18030": b"SET client_encoding = 'GB18030';\nSELECT E'\x81\x30\x81\x30\x81\x5c';\nSELECT 'x';\n",
    "restricted": b"\\restrict abc\nSELECT 1;\n\\unrestrict abc\nSELECT 2;\n",
    "byte order mark": b"\xef\xbb\xbfSELECT 1;\n",
    "zero line ends": b"SELECT 'a\n\n\nb';SELECT 2;SELECT 3;",
    "broken UTF-8": b"SELECT '\xff;\xc3';SELECT \xc3\xc3;\n",
}


@pytest.fixture(scope="module")
def judge(server_pool: Any) -> Iterator[tuple[servers.Server, Recorder]]:
    server = server_pool.get("pg18")
    server.execute("DROP DATABASE IF EXISTS judge")
    server.execute("CREATE DATABASE judge")
    server.execute("CREATE TABLE t (a text, b text)", database="judge")
    with recorder(server) as opened:
        yield server, opened
    server.execute("DROP DATABASE judge")


def ours(script: bytes) -> tuple[list[Any], bool]:
    """What we would send, and whether the script broke off."""
    splitter = ScriptSplitter(io.BytesIO(script), block_size=61)
    tracked = ScriptSettings()
    sent: list[Any] = []
    try:
        for item in splitter:
            if isinstance(item, MetaCommand):
                continue
            sent.append(item.text)
            if splitter.data is not None:
                data = b"".join(iter(lambda: splitter.data.read(1000), b""))  # type: ignore[union-attr]
                sent += [("COPY", data)] if data else []
            elif tracked.observe(item.text):
                splitter.use_settings(
                    standard_conforming_strings=tracked.standard_conforming_strings,
                    client_encoding=tracked.client_encoding,
                )
    except CorruptArtifactError:
        return normalized(sent), True
    return normalized(sent), False


def normalized(sent: list[Any]) -> list[Any]:
    """Without empty statements, and with one line end for several: psql leaves out empty lines between the words.

    psql up to 17 sends the end marker of COPY data along; the server does not need it.
    """
    found: list[Any] = []
    for one in sent:
        if isinstance(one, tuple):
            data = re.sub(rb"(?:\A|(?<=\n))\\\.\r?\n\Z", b"", one[1])
            found += [("COPY", data)] if data else []
        elif one != b";":
            found.append(re.sub(rb"\n+", b"\n", one))
    return found


def theirs(judge: tuple[servers.Server, Recorder], script: bytes, folder: Path, version: int) -> list[Any]:
    server, opened = judge
    path = folder / "script.sql"
    path.write_bytes(script)
    return normalized(sent_by_psql(opened, server, path, "judge", version=version))


@pytest.mark.parametrize("version", [15, 16, 17, 18])
@pytest.mark.parametrize("name", NASTY)
def test_nasty_scripts(judge: tuple[servers.Server, Recorder], tmp_path: Path, name: str, version: int) -> None:
    sent, broke_off = ours(NASTY[name])
    judged = theirs(judge, NASTY[name], tmp_path, version)
    # psql runs the rest of a script that lacks its last semicolon, comments too.
    assert judged[: len(sent)] == sent
    assert len(judged) <= len(sent) + (1 if broke_off or name == "comments between" else 0)


_FRAGMENTS = [
    b"'",
    b'"',
    b"$$",
    b"$a$",
    b"$",
    b"\n",
    b"\n",
    b";",
    b";",
    b"-",
    b"--",
    b"/",
    b"/*",
    b"*/",
    b"*",
    b"(",
    b")",
    b"E'",
    b"e",
    b"'\\'",
    b"U&'",
    b"B'",
    b"a",
    b"1",
    b"_",
    b" ",
    b" ",
    b"create ",
    b"or ",
    b"replace ",
    b"function ",
    b"procedure ",
    b"begin ",
    b"end ",
    b"case ",
    b"BEGIN;",
    b"'a'",
    b"E'\\''",
    b"$b$;$b$",
    b":",
    b"::",
    b":a",
    b":'a'",
    b"\r",
    b"\xc3\xa4",
]


@given(
    script=st.lists(st.sampled_from(_FRAGMENTS), min_size=3, max_size=60).map(b"".join),
    begin=st.sampled_from([b"", b"", b"SET standard_conforming_strings = off;\n", b"CREATE FUNCTION f() "]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_scripts(
    judge: tuple[servers.Server, Recorder], tmp_path_factory: pytest.TempPathFactory, script: bytes, begin: bytes
) -> None:
    try:
        sent, _broke_off = ours(begin + script)
    except UsageError:
        assume(False)
    judged = theirs(judge, begin + script, tmp_path_factory.mktemp("random"), 18)
    assert judged[: len(sent)] == sent
    assert len(judged) <= len(sent) + 1


@pytest.mark.parametrize("version", [14, 15, 16, 17, 18])
def test_the_variables_that_psql_sets_are_known(judge: tuple[servers.Server, Recorder], version: int) -> None:
    """Each of them would change a script that happens to hold its name."""
    shown = servers.client("psql", version=version).run(judge[0], "-d", "judge", "-c", "\\set").stdout
    found = set(re.findall(rb"^(\w+) = ", shown, re.MULTILINE))
    assert b"DBNAME" in found
    assert found <= PSQL_VARIABLES
