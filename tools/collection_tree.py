# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Export the checkout to a path the Ansible tools accept, and run a command there.

ansible-test wants a real path ``…/ansible_collections/dbfleet/backup``, and every tool looks for the collection's own
plugins in its collections path. A fresh export outside the checkout serves them all, and is what keeps them from
judging an older copy installed in the user's home.

Usage: ``python -m tools.collection_tree COMMAND [ARGUMENT…]`` runs COMMAND at the root of an export.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
NAMESPACE, NAME = "dbfleet", "backup"


def source_files(checkout: Path) -> list[Path]:
    """The files of ``checkout`` that git tracks or would track, relative to it; deleted ones are left out."""
    try:
        listing = subprocess.run(
            ["git", "-c", f"safe.directory={checkout}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=checkout,
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
    except FileNotFoundError:
        sys.exit("error: git was not found, and it knows which files belong to the collection.\nhint: install git")
    except subprocess.CalledProcessError:
        sys.exit(f"error: git cannot list the files of {checkout}.\nhint: work in a clone of the repository")
    names = sorted({os.fsdecode(name) for name in listing.split(b"\0") if name})
    return [Path(name) for name in names if os.path.lexists(checkout / name)]


@contextlib.contextmanager
def exported_collection(checkout: Path = CHECKOUT) -> Iterator[Path]:
    """Yield the root of a fresh ``…/ansible_collections/dbfleet/backup``, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="dbfleet-tree-") as folder:
        root = Path(folder).resolve() / "ansible_collections" / NAMESPACE / NAME
        for name in source_files(checkout):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, target, follow_symlinks=False)
        yield root


def tool_environment(root: Path) -> dict[str, str]:
    """The environment in which this Python's tools see the collection at ``root`` and no other."""
    collections = root.parents[2]
    scripts = Path(sys.executable).parent
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(collections / ".ansible-home"),
        "PATH": os.pathsep.join((str(scripts), os.environ.get("PATH", os.defpath))),
    }


def main(arguments: list[str]) -> int:
    """Run the command in ``arguments`` at the root of an export and return its exit code."""
    if not arguments:
        sys.exit("usage: python -m tools.collection_tree COMMAND [ARGUMENT…]")
    with exported_collection() as root:
        environment = tool_environment(root)
        program = shutil.which(arguments[0], path=environment["PATH"])
        if program is None:
            sys.exit(f"error: {arguments[0]} was not found.\nhint: run make venv")
        return subprocess.run([program, *arguments[1:]], cwd=root, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
