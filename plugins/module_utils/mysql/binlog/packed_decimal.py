# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Decimals as the servers store them: digits in groups of nine.

Each group takes four bytes, and what does not fill one fewer. The first bit is inverted, and all of them are for a
negative number, so that the bytes sort as the numbers do.
"""

from __future__ import annotations

import typing as t

_GROUP = 9
#: How many bytes the digits take that do not fill a group.
LEFTOVER_SIZES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def decimal_size(precision: int, scale: int) -> int:
    """How many bytes a decimal takes."""
    whole = precision - scale
    return whole // _GROUP * 4 + LEFTOVER_SIZES[whole % _GROUP] + scale // _GROUP * 4 + LEFTOVER_SIZES[scale % _GROUP]


def decimal_text(data: bytes, precision: int, scale: int) -> str:
    """A decimal as the server shows it: ``-12.50``.

    :param data: exactly :func:`decimal_size` bytes.
    :raises ValueError: they hold a group of more than nine digits.
    """
    return decimal_reader(precision, scale)(data)


def decimal_reader(precision: int, scale: int) -> t.Callable[[bytes], str]:
    """The function that :func:`decimal_text` is for one type, for many values of it."""
    whole_groups, whole_rest = divmod(precision - scale, _GROUP)
    fraction_groups, fraction_rest = divmod(scale, _GROUP)
    groups = []
    at = 0
    for count in (whole_rest, *[_GROUP] * (whole_groups + fraction_groups), fraction_rest):
        if count:
            groups.append((at, at + LEFTOVER_SIZES[count], count, 10**count))
            at += LEFTOVER_SIZES[count]
    size, point = at, precision - scale
    sign = 1 << 8 * size - 1
    everything = (1 << 8 * size) - 1

    def read(data: bytes) -> str:
        value = int.from_bytes(data, "big")
        negative = not value & sign
        bits = ((value ^ everything if negative else value) ^ sign).to_bytes(size, "big")
        digits = ""
        for start, end, count, limit in groups:
            group = int.from_bytes(bits[start:end], "big")
            if group >= limit:
                raise ValueError(f"a group of more than {count} digits")
            digits += f"{group:0{count}}"
        whole = digits[:point].lstrip("0") or "0"
        return f"{'-' if negative else ''}{whole}{'.' + digits[point:] if scale else ''}"

    return read
