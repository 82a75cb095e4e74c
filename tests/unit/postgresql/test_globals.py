# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Globals without a server: what is written is read back as the facts it was made of; nothing else is read."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import ConsistencyError, DbfleetError, UnsupportedObjectError, UsageError
from dbfleet.postgresql.catalog.globals.base import GlobalObject
from dbfleet.postgresql.catalog.globals.role import Role
from dbfleet.postgresql.catalog.globals.role_membership import RoleMembership, _in_order
from dbfleet.postgresql.catalog.globals.role_setting import RoleSettings
from dbfleet.postgresql.cluster.globals_statement import Fact, literal_value, read_globals_script
from dbfleet.postgresql.new_database import property_statements
from dbfleet.postgresql.quoting import escape_literal, identifier
from dbfleet.postgresql.selection.pattern import name_regexp
from dbfleet.postgresql.text import to_bytes
from dbfleet.postgresql.toc import TocEntry

HEAD = "SET client_encoding = 'UTF8';\n"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
NAMES = TEXTS.filter(bool) | st.sampled_from(
    ["select", 'a"b', "new\nline; --", "it's", "ALL", "public", "\\", "$$", "/*"]
)


class Source(io.BytesIO):
    """A byte source."""


def facts(text: str) -> tuple[Fact, ...]:
    return read_globals_script(Source(to_bytes(HEAD + text)), name="test").facts  # type: ignore[arg-type]


def facts_of(*objects: GlobalObject) -> tuple[Fact, ...]:
    return facts("".join(statement for one in objects for statement in one.statements()))


@given(
    NAMES, st.none() | TEXTS, st.none() | TEXTS, st.lists(st.tuples(NAMES, TEXTS), max_size=2, unique_by=lambda x: x[0])
)
def test_a_role_is_read_as_it_was(
    name: str, password: str | None, comment: str | None, labels: list[tuple[str, str]]
) -> None:
    role = Role(name, ("LOGIN", "INHERIT"), 7, password, "infinity", comment, tuple(labels))
    found = facts_of(role)
    assert {fact.about for fact in found} == {(("role", name),)}
    assert found[0].creates
    attributes = dict(found[1].value)
    assert attributes.get("PASSWORD") == password
    assert (attributes["LOGIN"], attributes["SUPERUSER"]) == ("True", "False")
    assert (attributes["CONNECTION LIMIT"], attributes["VALID UNTIL"]) == ("7", "infinity")
    texts = [fact.value[0][1] for fact in found[2:]]
    assert texts == [text for text in (comment,) if text is not None] + [label for _provider, label in labels]


@given(NAMES, TEXTS)
def test_a_setting_is_read_as_it_was(role: str, value: str) -> None:
    (found,) = facts_of(RoleSettings(role, (f"odd.Name={value}",)))
    assert found.about == (("role", role),)
    assert (found.aspect, found.value) == ("setting odd.Name", (("value", value),))
    (for_all,) = facts_of(RoleSettings("", (f"work_mem={value}",)))
    assert for_all.about == (("role", ""),)


@given(NAMES, NAMES, st.booleans(), st.none() | st.booleans(), st.booleans())
def test_a_membership_is_read_as_it_was(
    role: str, member: str, admin: bool, inherit: bool | None, set_role: bool
) -> None:
    grant = RoleMembership(role, member, "", True, admin, inherit, set_role)
    (found,) = facts_of(grant)
    assert found.membership == grant
    assert found.about == (("role", member), ("role", role))


def test_whoever_was_not_granted_the_option_is_the_first_superuser() -> None:
    found = facts(
        "GRANT a TO b WITH ADMIN OPTION, INHERIT TRUE GRANTED BY boss;\n"
        "GRANT a TO c WITH INHERIT TRUE GRANTED BY b;\n"
        "GRANT a TO d WITH INHERIT TRUE GRANTED BY c;\n"
    )
    assert [fact.membership.grantor for fact in found if fact.membership] == ["", "b", ""]


@given(TEXTS)
def test_literals(text: str) -> None:
    assert literal_value(escape_literal(text)) == text


@pytest.mark.parametrize(
    "statement",
    [
        "DROP ROLE a;", "CREATE ROLE a SUPERUSER;", "CREATE ROLE a; DROP ROLE b;", "ALTER ROLE a WITH EVIL;",
        "ALTER ROLE a WITH PASSWORD 'x' IN ROLE b;", "ALTER ROLE a SET work_mem TO (SELECT 1);",
        "ALTER ROLE a IN DATABASE b SET work_mem TO '1';", "GRANT ALL ON TABLE t TO a;", "GRANT a TO b WITH EVIL;",
        "SELECT 1;", "COPY t FROM PROGRAM 'x';", "DO $$BEGIN END$$;", "SET ROLE a;",
        "SET client_encoding = 'x' || 'y';",
        "COMMENT ON DATABASE a IS 'x';", "CREATE TABLESPACE a OWNER b LOCATION '/x' WITH (a = 1);",
        "ALTER TABLESPACE a SET (b = 1); DROP TABLE c;", "ALTER TABLESPACE a RENAME TO b;", "/* x */ CREATE ROLE a;",
        "SET SESSION AUTHORIZATION a; DROP ROLE b;", "CREATE ROLE a\\;", "\\connect x\n", "\\! true\n", "",
        "COPY t FROM stdin;\n1\n\\.\n",
    ],
)  # fmt: skip
def test_nothing_else_is_read(statement: str) -> None:
    if statement:
        with pytest.raises((UnsupportedObjectError, UsageError, DbfleetError)) as caught:
            facts("CREATE ROLE fine;\n" + statement)
        assert "PASSWORD" not in str(caught.value)
    else:
        with pytest.raises(DbfleetError, match="no script of globals"):
            read_globals_script(Source(b"CREATE ROLE a;\n"), name="test")  # type: ignore[arg-type]


def test_a_password_is_not_shown() -> None:
    found = facts("ALTER ROLE a WITH PASSWORD 'topsecret';\n")
    assert "topsecret" not in repr(found)
    assert "topsecret" not in repr(Role("a", (), -1, "topsecret", None, None, ()))


def test_grants_come_in_an_order_that_can_be_restored() -> None:
    def grant(member: str, grantor: str, admin: bool = True) -> RoleMembership:
        return RoleMembership("r", member, grantor, grantor == "boss", admin, True, True)

    grants = [grant("a", "b"), grant("b", "c"), grant("c", "boss"), grant("d", "a", admin=False)]
    assert [one.member for one in _in_order("r", grants)] == ["c", "b", "a", "d"]
    with pytest.raises(ConsistencyError, match="in a circle"):
        list(_in_order("r", [grant("a", "b"), grant("b", "a")]))


@pytest.mark.parametrize(
    ("pattern", "regexp"),
    [
        ("shop", "^(shop)$"), ("SHOP*", "^(shop.*)$"), ('"SHOP*"', r"^(SHOP\*)$"), ("a?", "^(a.)$"),
        ('"a.b"', r"^(a\.b)$"), ("a$", r"^(a\$)$"), ('"a""b"', '^(a"b)$'), ("[a-c]x", "^([a-c]x)$"),
        ("a[]", r"^(a\[])$"), ("a|B", "^(a|b)$"), ("Ö", "^(Ö)$"),
    ],
)  # fmt: skip
def test_patterns(pattern: str, regexp: str) -> None:
    assert name_regexp(pattern) == regexp


@pytest.mark.parametrize("pattern", ["a.b", '"a'])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(UsageError):
        name_regexp(pattern)


@given(NAMES, NAMES, NAMES, TEXTS)
def test_a_database_s_properties_get_its_new_name(old: str, new: str, role: str, value: str) -> None:
    def script(name: str) -> str:
        database = identifier(name)
        return (
            f"ALTER DATABASE {database} SET odd.x TO {escape_literal(value)};\n"
            f"ALTER ROLE {identifier(role)} IN DATABASE {database} SET odd.x TO {escape_literal(value)};\n"
        )

    made = TocEntry(
        1, False, 0, 0, old, "DATABASE", 2, f"CREATE DATABASE {identifier(old)} WITH TEMPLATE = template0;\n"
    )
    properties = TocEntry(2, False, 0, 0, old, "DATABASE PROPERTIES", 2, script(old))
    assert property_statements(made, (properties,), new) == (script(new),)
