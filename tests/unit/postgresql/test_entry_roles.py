# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.postgresql.entry_roles import named_roles, with_roles
from dbfleet.postgresql.toc import TocEntry

OTHERS = {"ann": "The operators", 'the "old"': "new", "public": "wrong"}


def entry(kind: str, text: str, **fields: str) -> TocEntry:
    return TocEntry(1, False, 0, 0, "x", kind, 2, defn=text, **fields)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (
            "ACL",
            "REVOKE ALL ON TABLE s.ann FROM ann;\nGRANT ALL ON TABLE s.ann TO ann WITH GRANT OPTION;\n",
            (
                'REVOKE ALL ON TABLE s.ann FROM "The operators";\n'
                'GRANT ALL ON TABLE s.ann TO "The operators" WITH GRANT OPTION;\n'
            ),
        ),
        (
            "ACL",
            'SET SESSION AUTHORIZATION "the ""old""";\nGRANT SELECT ON TABLE s.t TO PUBLIC;\n',
            "SET SESSION AUTHORIZATION new;\nGRANT SELECT ON TABLE s.t TO PUBLIC;\n",
        ),
        (
            "DEFAULT ACL",
            "ALTER DEFAULT PRIVILEGES FOR ROLE ann IN SCHEMA ann GRANT SELECT ON TABLES TO other;\n",
            'ALTER DEFAULT PRIVILEGES FOR ROLE "The operators" IN SCHEMA ann GRANT SELECT ON TABLES TO other;\n',
        ),
        (
            "POLICY",
            "CREATE POLICY ann ON s.ann FOR SELECT TO other, ann USING ((name = 'ann'::text));\n",
            "CREATE POLICY ann ON s.ann FOR SELECT TO other, \"The operators\" USING ((name = 'ann'::text));\n",
        ),
        (
            "USER MAPPING",
            "CREATE USER MAPPING FOR ann SERVER ann;\n",
            'CREATE USER MAPPING FOR "The operators" SERVER ann;\n',
        ),
        ("FUNCTION", "CREATE FUNCTION f() ... GRANT x TO ann;\n", "CREATE FUNCTION f() ... GRANT x TO ann;\n"),
    ],
)
def test_roles_are_replaced_where_they_stand_for_roles(kind: str, before: str, after: str) -> None:
    changed = with_roles(entry(kind, before, owner="ann", drop_stmt="DROP X ann;\n"), OTHERS)
    assert changed.defn == after
    assert changed.owner == "The operators"
    assert changed.drop_stmt == "DROP X ann;\n"
    assert "ann" not in set(named_roles(changed))


def test_what_is_dropped_is_named_the_same_way() -> None:
    mapping = entry(
        "USER MAPPING", "CREATE USER MAPPING FOR ann SERVER s;\n", drop_stmt="DROP USER MAPPING FOR ann SERVER s;\n"
    )
    assert with_roles(mapping, OTHERS).drop_stmt == 'DROP USER MAPPING FOR "The operators" SERVER s;\n'
