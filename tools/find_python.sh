#!/bin/sh
# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Print the path of a Python that can hold the development environment, or say what to install.
# ansible-core 2.19 runs on 3.11 to 3.13. $PYTHON, when set, is the only candidate.

set -eu

probe='
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("version %d.%d" % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit("no venv module")
print(sys.executable)
'

# A bare version is what a bundle is made for, and says nothing of this environment.
case ${PYTHON:-} in 3.*) PYTHON= ;; esac

seen=''
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    if found=$("$candidate" -c "$probe" 2>&1); then
        printf '%s\n' "$found"
        exit 0
    fi
    seen="$seen
  $candidate: $(printf '%s\n' "$found" | tail -n 1)"
done

cat >&2 <<MESSAGE
error: no Python from 3.11 to 3.13 with its venv module was found.${seen:+ Tried:$seen}
hint: install one (Debian and Ubuntu: apt install python3 python3-venv; Fedora: dnf install python3), or name one: make PYTHON=/path/to/python3
MESSAGE
exit 1
