# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real hosts for tests: an address, sshd, Python and a booted systemd each, by systemd-nspawn.

    python -m tests.fleet up db1=postgresql db2=mariadb repo
    python -m tests.fleet exec db1 systemctl list-timers
    python -m tests.fleet down

See docs/development/fleet.md.
"""

from __future__ import annotations
