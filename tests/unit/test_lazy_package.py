# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package of which only some modules are imported. Every case has a Python of its own: what is imported stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def printed(program: str, folder: Path | None = None) -> str:
    path = "" if folder is None else f"import sys; sys.path.insert(0, {str(folder)!r}); "
    done = subprocess.run([sys.executable, "-c", path + program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "slow"
    folder.mkdir()
    (folder / "__init__.py").write_text("from . import needed\nprint('all of it')\nanswer = 42\n")
    (folder / "needed.py").write_text("from . import other\nname = 'needed'\n")
    (folder / "other.py").write_text("")
    return tmp_path


def test_modules_are_imported_without_the_package(package: Path) -> None:
    program = (
        "from dbfleet.lazy_package import prepare; found = prepare('slow'); import slow.needed; found.open(); "
        "print(slow.needed.name, slow.other.__name__)"
    )
    assert printed(program, package) == "needed slow.other"


@pytest.mark.parametrize("use", ["slow.answer", "getattr(slow, 'answer')", "__import__('slow').answer"])
def test_whoever_uses_the_package_gets_all_of_it(package: Path, use: str) -> None:
    program = (
        "from dbfleet.lazy_package import prepare; found = prepare('slow'); import slow.needed; found.open(); "
        f"before = slow.needed; print({use}, slow.needed is before, type(slow).__name__)"
    )
    assert printed(program, package) == "all of it\n42 True module"


def test_what_the_package_does_not_have_is_an_error_as_ever(package: Path) -> None:
    program = (
        "from dbfleet.lazy_package import prepare; found = prepare('slow'); found.open(); import slow; "
        "print(hasattr(slow, '__wrapped__'), hasattr(slow, 'nothing'), hasattr(slow, 'answer'))"
    )
    assert printed(program, package) == "all of it\nFalse False True"


def test_a_package_that_was_imported_is_left_alone(package: Path) -> None:
    assert printed("import slow; from dbfleet.lazy_package import prepare; print(prepare('slow'))", package) == (
        "all of it\nNone"
    )


def test_nothing_is_put_in_the_place_of_what_is_not_there() -> None:
    program = (
        "import sys; from dbfleet.lazy_package import prepare; print(prepare('nowhere'), 'nowhere' in sys.modules)"
    )
    assert printed(program) == "None False"


def test_psycopg_is_imported_in_part_and_is_whole_for_others() -> None:
    program = (
        "import sys; from dbfleet import drivers; part = drivers.psycopg(); before = 'psycopg.cursor' in sys.modules; "
        "import psycopg; "
        "print(before, psycopg.connect.__name__, psycopg.OperationalError is part.OperationalError, "
        "psycopg.pq is drivers.psycopg_pq(), psycopg.errors.QueryCanceled.__name__)"
    )
    assert printed(program) == "False connect True True QueryCanceled"


def test_a_module_of_a_package_can_wait_too(package: Path) -> None:
    (package / "slow" / "late.py").write_text("print('late')\nanswer = 43\n")
    program = (
        "from dbfleet.lazy_package import prepare; import slow; found = prepare('slow.late'); found.open(); "
        "from slow import late; print('not yet'); print(late.answer, slow.late is late, type(late).__name__)"
    )
    assert printed(program, package) == "all of it\nnot yet\nlate\n43 True module"


def test_two_threads_both_get_the_whole(package: Path) -> None:
    (package / "slow" / "__init__.py").write_text("import time\ntime.sleep(0.2)\nanswer = 42\n")
    program = (
        "from concurrent.futures import ThreadPoolExecutor; from dbfleet.lazy_package import prepare; "
        "found = prepare('slow'); found.open(); import slow; "
        "print(*ThreadPoolExecutor(4).map(lambda _number: slow.answer, range(4)))"
    )
    assert printed(program, package) == "42 42 42 42"


def test_psycopg_is_imported_without_asyncio_where_the_process_is_the_engine_s_own() -> None:
    program = (
        "import sys; from dbfleet import drivers; drivers.put_off_asyncio(); drivers.psycopg(); "
        "before = 'asyncio.events' in sys.modules; import asyncio; from psycopg.errors import CancelledError; "
        "print(before, CancelledError is asyncio.CancelledError, asyncio.run.__name__, 'asyncio.events' in sys.modules)"
    )
    assert printed(program) == "False True run True"


def test_pymysql_is_imported_without_what_few_ways_of_logging_in_need() -> None:
    program = (
        "import sys; from dbfleet import drivers; drivers.pymysql(); name = 'cryptography.hazmat.bindings._rust'; "
        "before = name in sys.modules; from pymysql import _auth; "
        "print(before, _auth._have_cryptography, _auth.hashes.SHA1().name, _auth.padding.MGF1.__name__, "
        "_auth.serialization.load_pem_public_key.__name__, name in sys.modules)"
    )
    assert printed(program) == "False True sha1 MGF1 load_pem_public_key True"


def test_the_version_is_that_of_the_installed_package() -> None:
    program = (
        "from importlib import metadata; from dbfleet import drivers; "
        "print(drivers.psycopg().__version__ == metadata.version('psycopg'))"
    )
    assert printed(program) == "True"
