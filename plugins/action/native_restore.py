# Copyright (c) 2026, dbfleet contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..plugin_utils.live_progress import LiveProgressAction


class ActionModule(LiveProgressAction):
    """Runs the module of the same name, and shows its progress."""
