# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the running virtual environment the requested pip; a stand-in for the script that ansible-test downloads.

ansible-test fetches a get-pip script from a host of its own, which a machine that only reaches a package registry
cannot do. Python brings a pip of its own: that one installs the requested version through pip's ordinary settings.
``tools.sanity`` copies this file to where ansible-test keeps its download.
"""

from __future__ import annotations

import subprocess
import sys

NOT_FOR_PIP = ("--no-setuptools", "--no-wheel")

# In a process of its own, because ensurepip turns pip's settings off for the process it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
subprocess.check_call(
    [sys.executable, "-m", "pip", "install", *(word for word in sys.argv[1:] if word not in NOT_FOR_PIP)]
)
