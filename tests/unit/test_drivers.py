# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable, Iterator

import pytest

from dbfleet import drivers
from dbfleet.errors import DriverMissingError

REQUIRED: list[tuple[str, Callable[[], object], str]] = [
    ("psycopg", drivers.psycopg, "psycopg[binary]"),
    ("psycopg", drivers.psycopg_pq, "psycopg[binary]"),
    ("pymysql", drivers.pymysql, "PyMySQL"),
    ("zstandard", drivers.zstandard, "zstandard"),
    ("lz4.frame", drivers.lz4_frame, "lz4"),
    ("botocore", drivers.botocore, "boto3"),
    ("cryptography", drivers.cryptography_x25519, "cryptography"),
    ("cryptography", drivers.cryptography_serialization, "cryptography"),
    ("cryptography", lambda: drivers.chacha20_poly1305(bytes(32)), "cryptography"),
    ("cryptography", drivers.invalid_tag, "cryptography"),
]
OPTIONAL: list[tuple[str, Callable[[], object]]] = [
    ("isal.isal_zlib", drivers.isal_zlib),
    ("numpy", drivers.numpy),
    ("rich.progress", drivers.rich_progress),
    ("rich.console", drivers.rich_console),
]
CACHED = [
    drivers._load_psycopg,
    drivers._load_pymysql,
    drivers._load_zstandard,
    drivers._load_lz4_frame,
    drivers._load_cryptography,
    drivers._load_botocore,
    drivers.isal_zlib,
    drivers.numpy,
    drivers.rich_progress,
    drivers.rich_console,
]


def forget() -> None:
    for function in CACHED:
        function.cache_clear()


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.mark.parametrize(("name", "ask", "package"), REQUIRED)
def test_a_package_that_is_needed(
    monkeypatch: pytest.MonkeyPatch, name: str, ask: Callable[[], object], package: str
) -> None:
    assert ask() is not None
    forget()
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DriverMissingError, match=r"is needed .* and is not installed") as caught:
        ask()
    assert caught.value.context["package"] == package
    assert f"pip install '{package}'" in caught.value.hint


@pytest.mark.parametrize(("name", "ask"), OPTIONAL)
def test_a_package_that_is_not(monkeypatch: pytest.MonkeyPatch, name: str, ask: Callable[[], object]) -> None:
    assert ask() is not None, "the tests run with everything installed"
    forget()
    monkeypatch.setitem(sys.modules, name, None)
    assert ask() is None


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    names = {name for name, *_rest in [*REQUIRED, *OPTIONAL]}
    program = f"import sys, dbfleet.drivers; print(sorted(set(sys.modules) & {names!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("version", "enough"),
    [("3.1", True), ("3.1.0", True), ("3.10", True), ("10.0", True), ("3.0.9", False), ("2.9.99", False), ("3", False)]
    + [("3.2.0rc1", True), ("", True)],
)
def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch, version: str, enough: bool) -> None:
    monkeypatch.setattr(drivers, "_load_psycopg", lambda: types.SimpleNamespace(__version__=version))
    if enough:
        drivers.psycopg()
        return
    with pytest.raises(DriverMissingError, match="is too old: 3.1 or later is needed") as caught:
        drivers.psycopg()
    assert "--upgrade" in caught.value.hint


def test_a_driver_is_imported_beside_other_work() -> None:
    program = (
        "import sys; from dbfleet import drivers\n"
        "with drivers.imported_beside(drivers.psycopg): pass\n"
        "print('psycopg.pq' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_driver_that_is_missing_is_missed_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "_load_psycopg", lambda: None)
    with drivers.imported_beside(drivers.psycopg):
        done = True
    assert done
    with pytest.raises(DriverMissingError):
        drivers.psycopg()
