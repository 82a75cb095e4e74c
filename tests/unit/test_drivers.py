# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types
from collections.abc import Callable

import pytest

from dbfleet import drivers
from dbfleet.errors import DriverMissingError

REQUIRED: list[tuple[str, Callable[[], object], str]] = [
    ("_psycopg", drivers.psycopg, "psycopg[binary]"),
    ("_psycopg", drivers.psycopg_pq, "psycopg[binary]"),
    ("_pymysql", drivers.pymysql, "PyMySQL"),
    ("_zstandard", drivers.zstandard, "zstandard"),
    ("_lz4_frame", drivers.lz4_frame, "lz4"),
]
OPTIONAL: list[tuple[str, Callable[[], object]]] = [
    ("_isal_zlib", drivers.isal_zlib),
    ("_numpy", drivers.numpy),
    ("_rich_progress", drivers.rich_progress),
    ("_rich_console", drivers.rich_console),
]


@pytest.mark.parametrize(("name", "ask", "package"), REQUIRED)
def test_a_package_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, name: str, ask: Callable[[], object], package: str
) -> None:
    assert ask() is not None
    monkeypatch.setattr(drivers, name, None)
    with pytest.raises(DriverMissingError, match="is needed .* and is not installed") as caught:
        ask()
    assert caught.value.context["package"] == package
    assert f"pip install '{package}'" in caught.value.hint


@pytest.mark.parametrize(("name", "ask"), OPTIONAL)
def test_a_package_that_is_not(monkeypatch: pytest.MonkeyPatch, name: str, ask: Callable[[], object]) -> None:
    assert ask() is not None, "the tests run with everything installed"
    monkeypatch.setattr(drivers, name, None)
    assert ask() is None


@pytest.mark.parametrize(
    ("version", "enough"),
    [("3.1", True), ("3.1.0", True), ("3.10", True), ("10.0", True), ("3.0.9", False), ("2.9.99", False), ("3", False)]
    + [("3.2.0rc1", True), ("", True)],
)
def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch, version: str, enough: bool) -> None:
    monkeypatch.setattr(drivers, "_psycopg", types.SimpleNamespace(__version__=version))
    if enough:
        drivers.psycopg()
        return
    with pytest.raises(DriverMissingError, match="is too old: 3.1 or later is needed") as caught:
        drivers.psycopg()
    assert "--upgrade" in caught.value.hint
