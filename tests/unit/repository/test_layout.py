# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import UsageError
from dbfleet.repository.layout import (
    LOCK_NAME,
    PARTIAL_PREFIX,
    backup_id,
    database_folder,
    escape_name,
    is_backup_id,
    is_component,
    is_safe_path,
    is_staging_name_of,
    staging_name,
)

HOSTILE = [
    *("..", ".", "a/b", "../../etc/passwd", "/etc", ".lock", ".partial-x", "~root", "-rf", "a\\b", "nul\0byte"),
    *("\n", "\r\n", " ", "%", "%2E", "%2e%2e", "a~b", "ünïcödé", "数据库", "\udcff", "\u202egnp.exe", "con", "*"),
    *("x" * 300, "数" * 64, "." * 300, "%" * 300),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_become_harmless_components(name: str, tmp_path: Path) -> None:
    component = escape_name(name)
    assert is_component(component)
    assert is_safe_path(component)
    assert component.isascii()
    assert component.isprintable()
    assert not component.startswith(".")
    assert len(component) <= 200
    folder = tmp_path / component
    folder.mkdir()
    assert os.listdir(tmp_path) == [component]


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_different_names_never_share_a_folder(names: list[str]) -> None:
    one, two = (escape_name(name) for name in names)
    assert one != two


@given(st.text("数.%~/x", min_size=190, max_size=400), st.text("数.%~/x", min_size=1, max_size=3))
def test_long_names_never_share_a_folder(start: str, end: str) -> None:
    names = {start, start + end, start + end + end, start + "/" + end}
    assert len({escape_name(name) for name in names}) == len(names)


@given(st.text(min_size=1))
def test_any_text_becomes_a_component(name: str) -> None:
    component = escape_name(name)
    assert is_component(component)
    assert len(component) <= 200
    assert escape_name(name) == component, "always the same one"
    assert component not in (LOCK_NAME, ".", "..")
    assert not component.startswith(PARTIAL_PREFIX)


@pytest.mark.parametrize("name", ["shop", "db1-5432", "A_b.c-9", "10.0.0.1-3306"])
def test_ordinary_names_stay_readable(name: str) -> None:
    assert escape_name(name) == name


def test_database_names_of_every_length_a_server_allows() -> None:
    """63 bytes in PostgreSQL, 64 characters of up to three bytes in MySQL."""
    assert escape_name("é" * 31) == "%C3%A9" * 31
    assert "~" in escape_name("数" * 64)


@pytest.mark.parametrize("name", ["", "\ud800", "a\udfffb"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be used") as caught:
        escape_name(name)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", ".", "..", ".lock", "lost+found", "a/b", "a b", "@eaDir", "ü", "a\n", "~x"])
def test_foreign_folders_are_no_components(text: str) -> None:
    assert not is_component(text)


@pytest.mark.parametrize("path", ["a", "a/b.c", "...", "a/..b", ".hidden/x", "a\nb", "ü"])
def test_paths_that_stay_inside(path: str) -> None:
    assert is_safe_path(path)


@pytest.mark.parametrize("path", ["", "/", "/etc/passwd", "..", "../x", "a/../b", "a/./b", "a//b", "a/", ".", "a\0"])
def test_paths_that_do_not(path: str) -> None:
    assert not is_safe_path(path)


@given(st.integers(-(10**10), 10**11), st.integers(-12, 12))
def test_ids_sort_by_time_in_utc(seconds: int, offset: int) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=offset))
    aware = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc).astimezone(zone)
    aware += datetime.timedelta(seconds=seconds)
    identity = backup_id("logical", aware)
    assert is_backup_id(identity)
    assert identity < backup_id("logical", aware + datetime.timedelta(seconds=1))


@pytest.mark.parametrize(
    "text",
    ["", "latest", "20260102T030405Z", "20260102T030405Z-", "20260102T030405Z-Logical", "20260102T030405Z-logical\n"]
    + ["٢٠٢٦٠١٠٢T030405Z-logical", "x20260102T030405Z-logical", "20260102T030405Z-logical/..", "../x"],
)
def test_what_is_no_id(text: str) -> None:
    assert not is_backup_id(text)


def test_the_folder_of_the_globals_is_no_database_s() -> None:
    folder = database_folder("db1", "")
    assert folder == "db1/%globals"
    assert is_component("%globals")
    for name in ("globals", "%globals", "%25globals"):
        assert database_folder("db1", name) != folder


def test_folders_of_a_database() -> None:
    assert database_folder("db1:5432", "../shop") == "db1%3A5432/%2E.%2Fshop"


@given(st.text(min_size=1, max_size=20), st.text("-0123456789abcdef", min_size=1, max_size=12))
def test_staging_names_belong_to_one_name_only(name: str, more: str) -> None:
    assert is_staging_name_of(staging_name(name), name)
    longer = f"{name}-{more}"
    assert is_staging_name_of(staging_name(longer), longer)
    assert not is_staging_name_of(staging_name(longer), name)
    assert not is_staging_name_of(staging_name(name), longer)
