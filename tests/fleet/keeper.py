# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Start the first process of a fleet, and clear up behind it however it has ended.

Usage: ``python -m tests.fleet.keeper FLEET SECONDS [OWNER]``, in a session of its own. ``OWNER`` is a file whose lock
somebody holds: the fleet ends with that process, be it killed or not.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .fleet import Fleet

_HOLDER = Path(__file__).resolve().with_name("holder.py")


def main(arguments: list[str]) -> int:
    """Keep the fleet that the usage names."""
    fleet = Fleet(arguments[0])
    words = ["unshare", "--mount", "--net", "--pid", "--fork", "--propagation", "private"]
    holder = [sys.executable, "-SE", str(_HOLDER), str(fleet.folder), *arguments[1:]]
    # The folder that this was started in may be gone before the fleet is.
    os.chdir("/")
    code = subprocess.run([*words, *holder], stdin=subprocess.DEVNULL, check=False).returncode
    fleet.clear()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
