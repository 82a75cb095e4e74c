# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Dates and times as row events store them, in both formats, as the servers show them.

Times that are counted from 1970 are shown in UTC.
"""

from __future__ import annotations

import datetime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MONTHS = 13
_DATETIME_SIGN = 0x8000000000
_TIME_SIGN = 0x800000


def date_text(data: bytes) -> str:
    """Three bytes: day, month and year from the low bit."""
    value = int.from_bytes(data, "little")
    return f"{value >> 9:04}-{value >> 5 & 15:02}-{value & 31:02}"


def year_text(value: int) -> str:
    """One byte, counted from 1900; 0 is the year 0000."""
    return f"{1900 + value if value else 0:04}"


def old_time_text(data: bytes) -> str:
    """Three bytes, the decimal digits of hours, minutes and seconds."""
    value = int.from_bytes(data, "little", signed=True)
    sign, value = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{value // 10000:02}:{value // 100 % 100:02}:{value % 100:02}"


def old_datetime_text(data: bytes) -> str:
    """Eight bytes, the decimal digits of date and time."""
    value = int.from_bytes(data, "little")
    day, time = divmod(value, 1_000_000)
    return (
        f"{day // 10000:04}-{day // 100 % 100:02}-{day % 100:02} "
        f"{time // 10000:02}:{time // 100 % 100:02}:{time % 100:02}"
    )


def timestamp_text(seconds: int, fraction: str) -> str:
    """Seconds since 1970; 0 is the server's zero time.

    :param fraction: as :func:`fraction_text` makes it.
    """
    if not seconds and not fraction.strip(".0"):
        return f"0000-00-00 00:00:00{fraction}"
    return f"{_EPOCH + datetime.timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}{fraction}"


def datetime_text(data: bytes, digits: int) -> str:
    """Five bytes of date and time, the largest first, and the fraction.

    :param digits: how many there are of the fraction.
    """
    packed = int.from_bytes(data[:5], "big") - _DATETIME_SIGN
    day, time = packed >> 17, packed & 0x1FFFF
    months, day = day >> 5, day & 31
    return f"{_day_text(months, day)} {_clock_text(time)}{fraction_text(data[5:], digits)}"


def time_text(data: bytes, digits: int) -> str:
    """Three bytes of a time of either sign, the largest first, and the fraction.

    :param digits: how many there are of the fraction.
    """
    size = (digits + 1) // 2
    packed = int.from_bytes(data, "big") - (_TIME_SIGN << 8 * size)
    # The fraction of a negative time counts down from the whole second below it.
    sign, packed = ("-", -packed) if packed < 0 else ("", packed)
    whole = packed >> 8 * size
    fraction = (packed & (1 << 8 * size) - 1).to_bytes(size, "big")
    return f"{sign}{_clock_text(whole)}{fraction_text(fraction, digits)}"


def packed_datetime_text(value: int, *, only_date: bool) -> str:
    """The eight bytes that a date, or date and time, is in JSON documents."""
    fraction, packed = value & 0xFFFFFF, value >> 24
    day = packed >> 17
    shown = _day_text(day >> 5, day & 31)
    return shown if only_date else f"{shown} {_clock_text(packed & 0x1FFFF)}.{fraction:06}"


def packed_time_text(value: int) -> str:
    """The eight bytes that a time is in JSON documents."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    return f"{sign}{_clock_text(value >> 24)}.{value & 0xFFFFFF:06}"


def fraction_text(data: bytes, digits: int) -> str:
    """The fraction of a second with its point, empty where there is none."""
    if not digits:
        return ""
    stored = 2 * len(data)
    return f".{int.from_bytes(data, 'big'):0{stored}}"[: 1 + digits]


def _day_text(months: int, day: int) -> str:
    return f"{months // _MONTHS:04}-{months % _MONTHS:02}-{day:02}"


def _clock_text(packed: int) -> str:
    return f"{packed >> 12:02}:{packed >> 6 & 63:02}:{packed & 63:02}"
