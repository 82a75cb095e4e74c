# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as one file: it runs where nothing is installed, and unpacks into a private folder only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Server
from tools import make_bundle, make_pyz

RELEASE = f"{sys.version_info.major}.{sys.version_info.minor}"
MACHINE = os.uname().machine
# Not that of an environment, which would bring its own packages.
PYTHON = Path(sys.base_prefix) / "bin" / f"python{RELEASE}"


FILES = tuple(make_pyz.engine())


def build() -> bytes:
    wheels = make_bundle.fetched(["postgresql", "zstd"], [RELEASE], [MACHINE])
    return make_pyz.build(FILES, wheels, [RELEASE], [MACHINE], preset=0)


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pyz") / "dbfleet.pyz"
    path.write_bytes(build())
    return path


def run(pyz: Path, cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"DBFLEET_CACHE": str(cache), "PATH": os.defpath}
    return subprocess.run(
        [PYTHON, "-I", pyz, *words], env=environment, capture_output=True, text=True, check=False, cwd="/"
    )


def test_the_same_bytes_each_time(pyz: Path) -> None:
    assert build() == pyz.read_bytes()


def test_it_backs_up_and_unpacks_once(pyz: Path, pg_latest: Server, tmp_path: Path) -> None:
    cache, dest = tmp_path / "cache", tmp_path / "backup"
    pg_latest.execute("CREATE TABLE IF NOT EXISTS one_file (a int)")
    words = [
        "backup",
        "postgresql",
        "--dbname",
        "postgres",
        "--socket",
        str(pg_latest.socket),
        "--user",
        pg_latest.user,
    ]
    words += ["--port", str(pg_latest.port), "--format", "directory", "--jobs", "2", "--compress", "zstd"]
    try:
        made = run(pyz, cache, *words, "--dest", str(dest))
        assert made.returncode == 0, made.stderr
    finally:
        pg_latest.execute("DROP TABLE one_file")
    assert (dest / "toc.dat").is_file()
    (unpacked,) = cache.iterdir()
    assert cache.stat().st_mode & 0o777 == unpacked.stat().st_mode & 0o777 == 0o700
    before = unpacked.stat().st_ino
    assert run(pyz, cache, "--version").stdout.startswith("dbfleet ")
    assert [path.stat().st_ino for path in cache.iterdir()] == [before]


def test_a_folder_of_others_is_refused(pyz: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o770)
    refused = run(pyz, cache, "--version")
    assert refused.returncode == 1
    assert "may write" in refused.stderr
    assert list(cache.iterdir()) == []


def test_a_damaged_file_runs_nothing(pyz: Path, tmp_path: Path) -> None:
    content = bytearray(pyz.read_bytes())
    place = len(content) // 2
    content[place : place + 16] = bytes(16)
    damaged = tmp_path / "damaged.pyz"
    damaged.write_bytes(content)
    refused = run(damaged, tmp_path / "cache", "--version")
    assert refused.returncode == 1
    assert "damaged" in refused.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_pythons_are_refused_by_name(pyz: Path, tmp_path: Path) -> None:
    code = f"""
import platform, sys
platform.machine = lambda: "riscv64"
sys.path.insert(0, {str(pyz)!r})
import unpack
unpack.unpacked({str(pyz)!r})
"""
    environment = {"DBFLEET_CACHE": str(tmp_path / "cache")}
    refused = subprocess.run([PYTHON, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert f"{RELEASE}-{MACHINE}" in refused.stderr
    assert not (tmp_path / "cache").exists()
