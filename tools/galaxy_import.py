# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import the built collection as Galaxy does, with Galaxy's own program, to know before a release that it will.

It needs other versions of some packages than the project's tools and so gets an environment of its own in the cache.
ansible-lint, which it would run too, has a target of its own.

Usage: ``python -m tools.galaxy_import``
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from tools.build import build_tarball
from tools.collection_tree import exported_collection, tool_environment
from tools.own_environment import environment_with

IMPORTER = "galaxy-importer==0.4.44"
SETTINGS = "[galaxy-importer]\nlog_level_main = INFO\nrun_ansible_lint = False\nrun_ansible_test = False\n"


def main() -> int:
    """Build the collection and import it; return the importer's exit code."""
    programs = environment_with(IMPORTER, f"ansible-core=={version('ansible-core')}") / "bin"
    with exported_collection() as root, tempfile.TemporaryDirectory(prefix="dbfleet-import-") as name:
        folder = Path(name)
        tarball = build_tarball(root, folder)
        settings = folder / "importer.cfg"
        settings.write_text(SETTINGS)
        environment = {
            **tool_environment(root),
            "GALAXY_IMPORTER_CONFIG": str(settings),
            "PATH": os.pathsep.join((str(programs), os.environ.get("PATH", os.defpath))),
        }
        words = [str(programs / "python"), "-m", "galaxy_importer.main", str(tarball)]
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
    # It ends with 0 whatever it found.
    good = "Importer processing completed successfully" in done.stdout
    complaints = [line for line in done.stdout.splitlines() if line.startswith(("ERROR", "WARNING"))]
    print("\n".join(complaints if good else done.stdout.splitlines()[-30:]))
    if complaints or not good:
        print("error: Galaxy would refuse the collection, or complain of it", file=sys.stderr)
        return 1
    print("Galaxy's importer takes the collection and complains of nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
