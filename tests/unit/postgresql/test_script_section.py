# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io

import pytest

from dbfleet.errors import NotFoundError
from dbfleet.postgresql.script import ScriptSplitter, Statement
from dbfleet.postgresql.script_section import DatabaseSection, database_entries, database_of

SCRIPT = rb"""
SET standard_conforming_strings = on;
CREATE ROLE a;
\connect other
SET standard_conforming_strings = off;
INSERT INTO t VALUES ('it\'s; here');
COPY u (a) FROM stdin;
\connect shop
\.
CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8';
ALTER DATABASE shop OWNER TO "The Owner";
CREATE DATABASE later WITH TEMPLATE = template0;
\connect shop
ALTER DATABASE shop SET work_mem TO '7MB';
COMMENT ON DATABASE shop IS 'DATABASE other';
INSERT INTO mine VALUES ('a\');
COPY v (a) FROM stdin;
1
\.
\connect later
INSERT INTO last VALUES (1);
\connect shop
SELECT 2;
"""


@pytest.mark.parametrize(
    ("statement", "database"),
    [
        (b"CREATE DATABASE a;", "a"),
        (b'DROP DATABASE IF EXISTS "A b";', "A b"),
        (b"ALTER ROLE r IN DATABASE a SET x TO 'y';", "a"),
        (b"GRANT CONNECT,TEMPORARY ON DATABASE a TO b;", "a"),
        (b"SECURITY LABEL FOR p ON DATABASE a IS 'x';", "a"),
        (b"COMMENT ON TABLE t IS 'ON DATABASE a';", ""),
        (b"CREATE INDEX i ON public.database USING btree (a);", ""),
        (b"INSERT INTO t VALUES ('ALTER DATABASE a');", ""),
    ],
)
def test_which_database_a_statement_is_about(statement: bytes, database: str) -> None:
    assert database_of(statement) == database


def test_one_database_s_part() -> None:
    section = DatabaseSection(ScriptSplitter(io.BytesIO(SCRIPT), name="s"), "shop")
    found = []
    for item in section:
        assert isinstance(item, Statement)
        found.append((item.text, section.data.read(100) if section.data is not None else b""))
    section.require("s")
    assert found == [
        (b"INSERT INTO mine VALUES ('a\\');", b""),
        (b"COPY v (a) FROM stdin;", b"1\n"),
        (b"SELECT 2;", b""),
    ]
    entry, others = database_entries("shop", section.properties)
    assert entry is not None
    assert (entry.owner, entry.defn) == (
        "The Owner",
        "CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'UTF8';",
    )
    assert [other.desc for other in others] == ["DATABASE PROPERTIES", "COMMENT"]


def test_a_database_that_the_script_lacks() -> None:
    section = DatabaseSection(ScriptSplitter(io.BytesIO(SCRIPT), name="s"), "zoo")
    assert list(section) == []
    with pytest.raises(NotFoundError, match="s holds no database 'zoo'") as caught:
        section.require("s")
    assert "'other', 'shop', 'later'" in caught.value.hint
