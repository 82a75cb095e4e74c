# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from dbfleet.repository.dest import MANIFEST_SUFFIX
from dbfleet.repository.manifest import render_manifest
from tests.unit.cli.test_output import SHOP


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A file with its manifest beside it."""
    path = tmp_path / "shop.dump"
    path.write_bytes(b"")
    path.with_name(path.name + MANIFEST_SUFFIX).write_bytes(render_manifest(SHOP))
    return path


@pytest.mark.parametrize(
    "line",
    [
        "backup postgresql",
        "backup mysql --database d",
        "backup mysql --database d --repository /r --dest /d",
        "backup mysql --database d --dest /d --cluster c",
        "backup postgresql --database d --dest /d --compress brotli",
        "backup postgresql --database d --repository /r --max-age soon",
        "backup postgresql --database d --dest /d --jobs 0",
        "restore mysql --database d",
        "restore mysql --database d --source /s --create --clean",
        "restore mysql --database d --source /s --cluster c",
        "restore postgresql --database d --source /s --backup 20261122T124118Z-logical",
        "info",
        "",
    ],
)
def test_wrong_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert "\nhint: " in shown.err or "means something only together with" in shown.err or "is required" in shown.err

    assert main([*line.split(), "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out.count("\n") == 1
    answer = json.loads(shown.out)
    assert answer["failed"] is True
    assert answer["error"]["kind"] == "usage"
    assert answer["error"]["message"] in shown.err


@pytest.mark.parametrize("words", [["--password=hunter2"], ["--password", "hunter2"], ["-phunter2"], ["-p", "hunter2"]])
def test_a_password_in_the_arguments_is_never_repeated(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", "mysql", "--database", "d", "--dest", "/d", "--json", *words]) == 2
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err
    assert "--password-file" in json.loads(shown.out)["error"]["hint"]


def test_info_of_a_file(artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(artifact)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"backup {SHOP.id}\n")
    assert "public.orders" in shown.out
    assert shown.err == ""

    assert main(["info", str(artifact), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["changed"] is False
    assert answer["backup"]["rows"] == SHOP.rows


def test_info_of_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dbfleet-repository.json").write_text('{"dbfleet_repository": 1}\n')
    assert main(["info", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no backups\n"
    folder = tmp_path / SHOP.cluster / SHOP.database / SHOP.id
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_bytes(render_manifest(SHOP))
    assert main(["info", str(tmp_path), "--database", "shop"]) == 0
    _headings, row = capsys.readouterr().out.splitlines()
    assert row.split()[:3] == [SHOP.cluster, SHOP.database, SHOP.id]


def test_failures(tmp_path: Path, artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(tmp_path / "nothing"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "not_found"
    manifest = artifact.with_name(artifact.name + MANIFEST_SUFFIX)
    manifest.write_bytes(manifest.read_bytes().replace(b"200000", b"200001"))
    assert main(["info", str(artifact), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "corrupt"


def test_what_the_command_writes_is_for_nobody_else(artifact: Path) -> None:
    main(["info", str(artifact), "--quiet"])
    assert os.umask(0o022) == 0o077
