# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where data lie in a file."""

from __future__ import annotations

import typing as t


class Extent(t.NamedTuple):
    """A part of a file.

    :param offset: of its first byte.
    :param size: in bytes.
    """

    offset: int
    size: int
