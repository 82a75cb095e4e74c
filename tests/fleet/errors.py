# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong when hosts are wanted."""

from __future__ import annotations


class FleetUnavailable(Exception):
    """This machine cannot run hosts; the text says why in one line."""


class FleetError(Exception):
    """A host, or what it is made of, did not do what it should: never a reason to skip."""
