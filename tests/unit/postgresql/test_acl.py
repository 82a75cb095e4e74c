# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Privileges as the difference to what an object has anyway."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.postgresql.catalog.acl import AclItem, Privileges, parse_acl, privilege_statements

OWNER = "{own=arwdDxtm/own}"


def _statements(
    actual: str | None, base: str = OWNER, initial: str | None = None, word: str = "TABLE", **more: str
) -> list[str]:
    privileges = Privileges.parse(actual, base, initial)
    name = more.pop("name", "t")
    return privilege_statements(privileges, word=word, name=name, owner="own", **more).splitlines()


@pytest.mark.parametrize("actual", [None, OWNER])
def test_nothing_is_said_of_what_is_anyway(actual: str | None) -> None:
    assert _statements(actual) == []


def test_grants_come_in_their_order_the_owners_first() -> None:
    assert _statements("{=r/own,r1=ar*/own,own=r/own,own=arwdDxtm/own}") == [
        "GRANT SELECT ON TABLE t TO own;",
        "GRANT SELECT ON TABLE t TO PUBLIC;",
        "GRANT INSERT ON TABLE t TO r1;",
        "GRANT SELECT ON TABLE t TO r1 WITH GRANT OPTION;",
    ]


def test_all_privileges_are_one_word() -> None:
    assert _statements("{own=arwdDxtm/own,x=arwdDxtm/own}") == ["GRANT ALL ON TABLE t TO x;"]
    assert _statements("{own=arwdDxtm/own,x=a*r*w*d*D*x*t*m*/own}") == ["GRANT ALL ON TABLE t TO x WITH GRANT OPTION;"]


def test_an_empty_acl_is_not_the_default_one() -> None:
    assert _statements("{}") == ["REVOKE ALL ON TABLE t FROM own;"]


def test_what_others_granted_is_granted_in_their_name() -> None:
    assert _statements(r'{own=arwdDxtm/own,"x=r/\"odd \"\"r\""}') == [
        'SET SESSION AUTHORIZATION "odd ""r";',
        "GRANT SELECT ON TABLE t TO x;",
        "RESET SESSION AUTHORIZATION;",
    ]


def test_recorded_privileges_are_the_base() -> None:
    assert _statements("{own=arwdDxtm/own,x=r/own}", initial="{own=arwdDxtm/own,x=r/own}") == []
    assert _statements(None, initial="{own=arwdDxtm/own,=r/own}") == ["REVOKE SELECT ON TABLE t FROM PUBLIC;"]


def test_columns_and_default_privileges() -> None:
    assert _statements("{x=rw/own}", base="{}", column='"a b"') == [
        'GRANT SELECT("a b"),UPDATE("a b") ON TABLE t TO x;'
    ]
    prefix = "ALTER DEFAULT PRIVILEGES FOR ROLE own IN SCHEMA s "
    assert _statements("{x=U/own}", base="{}", word="TYPES", name="", prefix=prefix) == [
        f"{prefix}GRANT ALL ON TYPES TO x;"
    ]


_ROLES = st.text(st.sampled_from("ab\"=/* ,{}\\'é"), min_size=1, max_size=6)


def _in_acl(role: str) -> str:
    return role if re.fullmatch("[a-z]+", role) else '"' + role.replace('"', '""') + '"'


@given(st.lists(st.tuples(_ROLES | st.just(""), st.text(st.sampled_from("arwdDxtm*"), max_size=5), _ROLES)))
def test_items_are_read_back(items: list[tuple[str, str, str]]) -> None:
    texts = [
        f"{_in_acl(grantee) if grantee else ''}={letters}/{_in_acl(grantor)}" for grantee, letters, grantor in items
    ]
    array = "{" + ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts) + "}"
    assert parse_acl(array) == tuple(AclItem(*item) for item in items)
