# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which words of a program are names that a newer server could reserve, and which are what they always were."""

from __future__ import annotations

import pytest

from dbfleet.mysql.globals_restore import plugins_of
from dbfleet.mysql.program_words import WORDS, named_by, suspects


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"CREATE PROCEDURE p() BEGIN DECLARE rank INT; SET rank = 1; SELECT t.rank, `rank`, 'rank' FROM t; END", 2),
        (b"CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.system = 1", 0),
        (b"CREATE PROCEDURE p() SELECT system FROM t -- rank\n", 1),
        (b"CREATE FUNCTION f() RETURNS INT RETURN (SELECT RANK() OVER (ORDER BY groups) FROM t)", 1),
        (b"CREATE PROCEDURE p() SELECT SUM(a) OVER (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t", 1),
        (b"CREATE PROCEDURE p() SELECT 1 EXCEPT SELECT 2", 0),
        (b"CREATE PROCEDURE p() WITH RECURSIVE c AS (SELECT 1) SELECT lead FROM c", 1),
        (b"CREATE DEFINER=`a`@`b` FUNCTION f() RETURNS INT RETURN 1", 0),
        (b"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT CURRENT_USER", 0),
    ],
)
def test_names_are_told_from_words(text: bytes, names: int) -> None:
    assert len(list(named_by(text))) == names


def test_programs_of_today_are_looked_at_for_the_latest_words_alone() -> None:
    assert suspects(None, "mysql") == suspects(("mysql", 50744), "mysql") == WORDS
    assert suspects(("mariadb", 110800), "mysql") == WORDS
    assert "rank" not in suspects(("mysql", 80400), "mysql")
    assert "qualify" in suspects(("mysql", 80400), "mysql")


@pytest.mark.parametrize(
    ("statement", "plugins"),
    [
        (
            "CREATE USER IF NOT EXISTS `a`@`%` IDENTIFIED WITH 'caching_sha2_password' AS 'WITH x'",
            ("caching_sha2_password",),
        ),
        ("CREATE USER `a`@`%` IDENTIFIED VIA ed25519 USING 'x' OR unix_socket", ("ed25519", "unix_socket")),
        ("CREATE USER `a`@`%` IDENTIFIED BY PASSWORD '*B2'", ("mysql_native_password",)),
        ("CREATE USER `a`@`%` REQUIRE SUBJECT 'x' AND ISSUER 'y'", ()),
    ],
)
def test_what_an_account_logs_in_with(statement: str, plugins: tuple[str, ...]) -> None:
    assert plugins_of(statement) == plugins
