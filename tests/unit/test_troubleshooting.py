# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide for troubleshooting explains every kind of error, and the guides hang together."""

from __future__ import annotations

import re
from pathlib import Path

from tools.make_docs import LINK, page_of, with_site_links

ROOT = Path(__file__).resolve().parents[2]


def test_every_kind_of_error_is_explained() -> None:
    kinds = set()
    for path in ROOT.glob("plugins/module_utils/**/*.py"):
        # A class that is raised, as opposed to one that has something else called so.
        for body in re.findall(
            r"^class \w+\(\w*(?:Error|Interrupted)\):\n((?:[ ].*\n|\n)+)", path.read_text("utf-8"), re.MULTILINE
        ):
            kinds |= set(re.findall(r'^    kind = "(\w+)"$', body, re.MULTILINE))
    guide = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    table = guide.partition("## Every kind of error")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == kinds


def test_the_contents_have_every_guide() -> None:
    contents = (ROOT / "tools" / "site" / "contents.md").read_text(encoding="utf-8")
    named = {line for block in re.findall(r"```\{toctree\}\n(.*?)```", contents, re.DOTALL) for line in block.split()}
    assert {path.stem for path in ROOT.glob("docs/*.md")} <= named


def test_links_of_the_guides_lead_to_files() -> None:
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
    for path in files:
        for found in LINK.finditer(path.read_text(encoding="utf-8")):
            assert (path.parent / found[2]).exists(), f"{path.name}: {found[2]}"


def test_links_are_those_of_the_site() -> None:
    text = "[a](../roles/install/README.md) [b\nc](internals/x.md#y) [d](https://example.com/z.md) [e](#f)"
    assert with_site_links(text, "docs/install.md") == (
        "[a](collections/install_role.rst) [b\nc](internals/x.md#y) [d](https://example.com/z.md) [e](#f)"
    )
    assert with_site_links("[a](../wal.md)", "docs/internals/x.md") == "[a](../wal.md)"
    assert with_site_links("[a](docs/wal.md)", "README.md") == "[a](wal.md)"
    assert page_of("plugins/modules/backup_report.py") == "collections/backup_report_module.rst"
