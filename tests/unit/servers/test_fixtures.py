# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a test whose server cannot be had."""

from __future__ import annotations

import pytest

from tests.servers import ServerUnavailable, fixtures

MISSING = ServerUnavailable("mysql97", "the mirror is down")


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBFLEET_REQUIRE_SERVERS", raising=False)
    monkeypatch.delenv("DBFLEET_TEST_SERVERS", raising=False)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No server can be had; the list grows by the name with each try."""
    tried = []

    def start(name: str) -> None:
        tried.append(name)
        raise MISSING

    monkeypatch.setattr(fixtures, "start", start)
    return tried


def test_test_is_skipped_with_the_reason_and_the_server_tried_once(missing: list[str]) -> None:
    pool = fixtures.ServerPool()
    for _attempt in range(2):
        with pytest.raises(pytest.skip.Exception, match="mysql97 cannot be had: the mirror is down"):
            pool.get("mysql97")
    assert missing == ["mysql97"]


@pytest.mark.usefixtures("missing")
@pytest.mark.parametrize("required", ["all", "pg16,mysql97"])
def test_test_fails_where_the_server_is_required(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv("DBFLEET_REQUIRE_SERVERS", required)
    with pytest.raises(pytest.fail.Exception, match="the mirror is down"):
        fixtures.ServerPool().get("mysql97")


def test_server_that_this_run_leaves_out_is_not_tried(monkeypatch: pytest.MonkeyPatch, missing: list[str]) -> None:
    monkeypatch.setenv("DBFLEET_TEST_SERVERS", "pg16 mariadb1011")
    with pytest.raises(pytest.skip.Exception, match="does not name mysql97"):
        fixtures.ServerPool().get("mysql97")
    assert missing == []


def test_unknown_name_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBFLEET_TEST_SERVERS", "pg9")
    with pytest.raises(pytest.UsageError, match="pg9"):
        fixtures.ServerPool().get("pg16")
