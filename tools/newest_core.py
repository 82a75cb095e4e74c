# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` of the newest ansible-core, which needs a newer Python than the project's tools.

Usage: ``python -m tools.newest_core [ARGUMENT…]``; arguments go to ``ansible-test sanity``.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools.collection_tree import CHECKOUT
from tools.own_environment import environment_with
from tools.sanity import THIS_PYTHON, find_pythons

CORE = "ansible-core==2.21.5"
#: What this core can run on, the best first.
PYTHONS = ("3.13", "3.12")


def main(arguments: list[str]) -> int:
    """Run the tests on the best Python there is; return their exit code."""
    found = find_pythons(os.environ)
    version = next((one for one in PYTHONS if one in found), None)
    if version is None:
        print(f"sanity tests of {CORE} not run: it needs Python {' or '.join(PYTHONS)}, which this machine has not")
        return 0
    python = environment_with(CORE, python=found[version]) / "bin" / "python"
    words = [python, "-m", "tools.sanity", THIS_PYTHON, *arguments]
    return subprocess.run(words, cwd=CHECKOUT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
