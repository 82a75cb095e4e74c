# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root does in a repository of somebody else belongs to that user, whose next job has to read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbfleet.repository.local import LocalStorage

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files that belong to others")


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.rglob("*")}


@pytest.mark.parametrize("owner", [0, NOBODY])
def test_what_root_makes_belongs_to_the_owner_of_the_repository(owner: int, tmp_path: Path) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    os.chown(root, owner, owner)
    storage = LocalStorage(str(root))
    storage.write_small("cluster/shop/verifications.json", b"{}")
    staged = storage.begin("cluster/shop/one-logical")
    staged.create("data/table").close()
    staged.create("manifest.json").close()
    staged.publish()
    assert (root / "cluster" / "shop" / "one-logical" / "data" / "table").exists()
    assert owners(root) == {owner}


def test_a_repository_that_root_makes_is_root_s(tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    storage = LocalStorage(str(tmp_path / "repository"))
    storage.write_small("cluster/marker", b"")
    assert owners(tmp_path) == {0}
