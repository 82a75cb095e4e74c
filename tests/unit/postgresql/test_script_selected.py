# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
from typing import Any

import pytest

from dbfleet.errors import CorruptArtifactError, DbfleetError, NotFoundError, UsageError
from dbfleet.postgresql.restore_selection import RestoreSelection
from dbfleet.postgresql.script import Statement
from dbfleet.postgresql.script_parent import Reference, reference
from dbfleet.postgresql.script_selected import ScriptPart


def heading(tag: str, desc: str, schema: str = "public", prefix: str = "") -> str:
    return f"--\n-- {prefix}Name: {tag}; Type: {desc}; Schema: {schema}; Owner: me\n--\n\n"


SCRIPT = (
    "SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n"
    "ALTER TABLE ONLY public.t DROP CONSTRAINT t_pkey;\nDROP TABLE public.t;\n"
    + heading("f(integer)", "FUNCTION")
    + "CREATE FUNCTION public.f(a integer) RETURNS integer LANGUAGE sql\n    AS $$ SELECT 1; -- Name: x; Type: $$;\n\n"
    + heading("f(text)", "FUNCTION")
    + "CREATE FUNCTION public.f(text) RETURNS integer LANGUAGE sql AS 'SELECT 1';\n\n"
    + "SET default_tablespace = fast;\n\nSET default_table_access_method = heap;\n\n"
    + heading("t", "TABLE")
    + "CREATE TABLE public.t (i integer);\n\n\nALTER TABLE public.t OWNER TO me;\n\n"
    + heading("TABLE t", "COMMENT")
    + "COMMENT ON TABLE public.t IS 'it; is';\n\n"
    + heading("COLUMN t.i", "COMMENT")
    + "COMMENT ON COLUMN public.t.i IS 'x';\n\n"
    + "SET default_tablespace = '';\n\n"
    + heading("u", "TABLE")
    + "CREATE TABLE public.u (i integer);\n\n"
    + heading("t", "TABLE", "other")
    + "CREATE TABLE other.t (i integer);\n\n"
    + heading("t", "TABLE DATA", prefix="Data for ")
    + "COPY public.t (i) FROM stdin;\n1\n-- Name: u; Type: TABLE; Schema: public; Owner: me\n\\.\n\n\n"
    + heading("u", "TABLE DATA", prefix="Data for ")
    + "INSERT INTO public.u VALUES (1);\nINSERT INTO public.u VALUES (2);\n\n\n"
    + heading("t t_pkey", "CONSTRAINT")
    + "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (i);\n\n"
    + heading("CONSTRAINT t_pkey ON t", "COMMENT")
    + "COMMENT ON CONSTRAINT t_pkey ON public.t IS 'k';\n\n"
    + heading("FUNCTION f(a integer)", "ACL")
    + "REVOKE ALL ON FUNCTION public.f(a integer) FROM PUBLIC;\n\n"
    + heading("TABLE t", "ACL")
    + "SET SESSION AUTHORIZATION you;\nGRANT SELECT ON TABLE public.t TO a;\nRESET SESSION AUTHORIZATION;\n\n"
    + heading("COLUMN u.i", "ACL")
    + 'GRANT SELECT(i, "ON") ON TABLE public.u TO a;\n\n'
)


class Script:
    """A script as a source of statements."""

    def __init__(self, text: str) -> None:
        self.name = "the script"
        self.read = io.BytesIO(text.encode()).read
        self.leap = None


def selected(text: str = SCRIPT, *, batch: int = 1, check: bool = True, **selection: Any) -> list[str]:
    part = ScriptPart(selection=RestoreSelection(**selection)).statements(Script(text), batch=batch)  # type: ignore[arg-type]
    found = [item.text.decode() for item in part if isinstance(item, Statement)]
    if check:
        part.require()
    return [text for text in found if not text.startswith(("SET client", "SELECT pg_catalog.set_config"))]


def test_a_table_comes_with_its_rows_comments_and_privileges() -> None:
    assert selected(tables=("t",), schemas=("public",)) == [
        "SET default_tablespace = fast;",
        "SET default_table_access_method = heap;",
        "CREATE TABLE public.t (i integer);",
        "ALTER TABLE public.t OWNER TO me;",
        "COMMENT ON TABLE public.t IS 'it; is';",
        "COMMENT ON COLUMN public.t.i IS 'x';",
        "SET default_tablespace = '';",
        "COPY public.t (i) FROM stdin;",
        "SET SESSION AUTHORIZATION you;",
        "GRANT SELECT ON TABLE public.t TO a;",
        "RESET SESSION AUTHORIZATION;",
    ]


def test_what_is_not_wanted_of_it_is_left_out() -> None:
    found = selected(tables=("u",), no_privileges=True, no_tablespaces=True, no_table_access_method=True, no_data=True)
    assert found == ["CREATE TABLE public.u (i integer);", "RESET SESSION AUTHORIZATION;"]
    owned = SCRIPT.replace("SET SESSION AUTHORIZATION you;\n", "").replace("RESET SESSION AUTHORIZATION;\n", "")
    assert "ALTER TABLE public.t OWNER TO me;" in selected(owned, tables=("t",))
    assert "ALTER TABLE public.t OWNER TO me;" not in selected(owned, tables=("t",), no_owner=True)


@pytest.mark.parametrize("batch", [1, 100])
def test_rows_as_statements_are_those_of_their_table_alone(batch: int) -> None:
    text = SCRIPT + heading("v", "TABLE DATA", prefix="Data for ") + "INSERT INTO public.v VALUES (3);\n"
    found = "".join(selected(text, batch=batch, tables=("u",), no_schema=True))
    assert (found.count("INSERT INTO public.u"), found.count("INSERT INTO public.v")) == (2, 0)


def test_privileges_belong_to_one_of_several_functions() -> None:
    assert selected(functions=("f(text)",), no_privileges=False)[0].startswith("CREATE FUNCTION public.f(text)")
    assert "REVOKE ALL ON FUNCTION public.f(a integer) FROM PUBLIC;" not in selected(functions=("f(text)",))
    assert "REVOKE ALL ON FUNCTION public.f(a integer) FROM PUBLIC;" in selected(functions=("f(integer)",))
    unclear = SCRIPT.replace("FUNCTION f(a integer); Type: ACL", "FUNCTION f(x); Type: ACL")
    with pytest.raises(UsageError, match="which of 2 functions the privileges on 'FUNCTION f\\(x\\)' belong"):
        selected(unclear, functions=("f(integer)",))
    both = selected(unclear, functions=("f(integer)", "f(text)"))
    assert [text for text in both if "FUNCTION" in text][2:] == [
        "REVOKE ALL ON FUNCTION public.f(a integer) FROM PUBLIC;"
    ]


def test_sections_divide_a_script() -> None:
    definitions = selected(sections=("pre-data",))
    assert "CREATE TABLE other.t (i integer);" in definitions
    assert "GRANT SELECT ON TABLE public.t TO a;" in definitions
    assert not [text for text in definitions if text.startswith(("COPY", "INSERT", "ALTER TABLE ONLY"))]
    later = [text for text in selected(sections=("post-data",)) if "SESSION" not in text and "default_" not in text]
    assert later == [
        "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (i);",
        "COMMENT ON CONSTRAINT t_pkey ON public.t IS 'k';",
    ]


@pytest.mark.parametrize(
    ("text", "selection", "kind", "problem"),
    [
        (SCRIPT, {"tables": ("nowhere",)}, NotFoundError, "nothing of what is selected"),
        (SCRIPT, {"tables": ("t", "nowhere"), "strict_names": True}, NotFoundError, "no table 'nowhere'"),
        ("CREATE TABLE t ();", {"tables": ("t",)}, UsageError, "line 1 .* nothing says to what"),
        ("INSERT INTO t VALUES (1);\n" + SCRIPT, {"tables": ("t",)}, UsageError, "line 1 .* nothing says to what"),
        ("SELECT pg_catalog.set_config('a.b', '', true);", {"tables": ("t",)}, UsageError, "comments are missing"),
        (SCRIPT, {"no_owner": True}, UsageError, "no_owner does not go with it"),
        (heading("a; Owner: b", "TABLE") + "SELECT 1;", {"tables": ("a",)}, UsageError, "several ways"),
        (2 * (heading("t", "TABLE") + "CREATE TABLE t ();\n"), {"tables": ("t",)}, UsageError, "two of the kind TABLE"),
        (
            heading("x" * 100, "TABLE") * 120_000 + "SELECT 1;",
            {"tables": ("t",)},
            CorruptArtifactError,
            "more comments",
        ),
    ],
)
def test_what_is_not_certain_is_refused(
    text: str, selection: dict[str, Any], kind: type[DbfleetError], problem: str
) -> None:
    with pytest.raises(kind, match=problem):
        selected(text, **selection)


@pytest.mark.parametrize(
    ("statement", "about"),
    [
        ('GRANT SELECT("ON"),UPDATE(b) ON TABLE s."T" TO x;', Reference("TABLE", ("s", "T"))),
        ("REVOKE ALL ON FOREIGN DATA WRAPPER w FROM PUBLIC;", Reference("FOREIGN DATA WRAPPER", ("w",))),
        ("GRANT ALL ON LARGE OBJECT 4711 TO x;", Reference("LARGE OBJECT", ("4711",))),
        ("COMMENT ON COLUMN s.t.c IS 'ON TABLE x';", Reference("COLUMN", ("s", "t", "c"))),
        ("COMMENT ON CONSTRAINT c ON DOMAIN s.d IS 'x';", Reference("CONSTRAINT", ("c",), "d")),
        ("COMMENT ON CONSTRAINT c ON domain IS 'x';", Reference("CONSTRAINT", ("c",), "domain")),
        ("COMMENT ON TRIGGER a ON s.t IS 'x';", Reference("TRIGGER", ("a",), "t")),
        ("SECURITY LABEL FOR p ON MATERIALIZED VIEW s.m IS 'x';", Reference("MATERIALIZED VIEW", ("s", "m"))),
        ('COMMENT ON TABLE s."a\nb" IS NULL;', Reference("TABLE", ("s", "a b"))),
        ("GRANT a TO b;", None),
        ("CREATE TABLE on_x ();", None),
    ],
)
def test_what_a_statement_is_about(statement: str, about: Reference | None) -> None:
    assert reference(statement.encode()) == about
