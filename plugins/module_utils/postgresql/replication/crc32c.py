# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""CRC-32C (Castagnoli), which PostgreSQL's control file and, by default, its backup manifests are checked with.

Python has none of its own. Where numpy is installed, large data is cut into lanes whose CRCs are taken side by side
and then joined: that of two pieces is that of the first, moved over the length of the second, and that of the second.
Without it, eight bytes a step, some ten megabytes a second.
"""

from __future__ import annotations

import functools
import struct
import typing as t

from ... import drivers

_POLYNOMIAL = 0x82F63B78
_WORD = struct.Struct("<II")


def _tables() -> tuple[tuple[int, ...], ...]:
    first = []
    for number in range(256):
        value = number
        for _bit in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        first.append(value)
    tables = [first]
    for _step in range(7):
        tables.append([value >> 8 ^ first[value & 255] for value in tables[-1]])
    return tuple(tuple(table) for table in tables)


_T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7 = _tables()


# A lane is so long: shorter ones need more joining, longer ones more steps.
_LANE = 128
_LEAST = 64 * _LANE


def crc32c(data: bytes, value: int = 0) -> int:
    """The CRC of ``data``, going on from the CRC of what came before it."""
    numpy = drivers.numpy() if len(data) >= _LEAST else None
    if numpy is None:
        return _crc32c_by_words(data, value)
    lanes = len(data) // _LANE
    size = lanes * _LANE
    moved = _moved(value ^ 0xFFFFFFFF, size)
    value = moved ^ _crc_of_lanes(numpy, memoryview(data)[:size]) ^ 0xFFFFFFFF
    return _crc32c_by_words(data[size:], value)


def _crc_of_lanes(numpy: t.Any, data: memoryview) -> int:
    """The plain remainder of whole lanes: nothing is inverted, so zeros in front change nothing."""
    table = _numpy_table(numpy)
    columns = numpy.frombuffer(data, dtype=numpy.uint8).reshape(-1, _LANE).T.astype(numpy.uint32, order="C")
    found = numpy.zeros(columns.shape[1], dtype=numpy.uint32)
    for column in columns:
        numpy.bitwise_xor(found, column, out=column)
        numpy.bitwise_and(column, 255, out=column)
        numpy.right_shift(found, 8, out=found)
        numpy.bitwise_xor(found, table[column], out=found)
    length = _LANE
    while len(found) > 1:
        if len(found) % 2:
            found = numpy.concatenate((numpy.zeros(1, dtype=numpy.uint32), found))
        first, second = found[0::2], found[1::2]
        found = second.copy()
        for index, part in enumerate(_numpy_moves(numpy, length)):
            found ^= part[first >> numpy.uint32(8 * index) & numpy.uint32(255)]
        length *= 2
    return int(found[0])


@functools.lru_cache(maxsize=1)
def _numpy_table(numpy: t.Any) -> t.Any:
    return numpy.array(_T0, dtype=numpy.uint32)


@functools.lru_cache(maxsize=64)
def _numpy_moves(numpy: t.Any, length: int) -> tuple[t.Any, ...]:
    return tuple(numpy.array(part, dtype=numpy.uint32) for part in _moves(length))


@functools.lru_cache(maxsize=64)
def _moves(length: int) -> tuple[tuple[int, ...], ...]:
    """For each byte of a remainder, what becomes of its values when ``length`` zero bytes follow.

    :param length: a power of two, at least 1.
    """
    if length == 1:
        return (
            tuple(_T0[value] for value in range(256)),
            *(tuple(value << 8 * index - 8 for value in range(256)) for index in (1, 2, 3)),
        )
    half = _moves(length // 2)
    return tuple(tuple(_apply(half, number) for number in part) for part in half)


def _apply(moves: tuple[tuple[int, ...], ...], value: int) -> int:
    return (
        moves[0][value & 255] ^ moves[1][value >> 8 & 255] ^ moves[2][value >> 16 & 255] ^ moves[3][value >> 24 & 255]
    )


def _moved(value: int, length: int) -> int:
    """A remainder behind which ``length`` zero bytes follow."""
    step = 1
    while length:
        if length & 1:
            value = _apply(_moves(step), value)
        length >>= 1
        step *= 2
    return value


def _crc32c_by_words(data: bytes, value: int) -> int:
    # One long loop over local names: a call for each step would take several times as long.
    t0, t1, t2, t3, t4, t5, t6, t7 = _T0, _T1, _T2, _T3, _T4, _T5, _T6, _T7
    value ^= 0xFFFFFFFF
    whole = len(data) & ~7
    for low, high in _WORD.iter_unpack(memoryview(data)[:whole]):
        low ^= value
        value = (
            t7[low & 255]
            ^ t6[low >> 8 & 255]
            ^ t5[low >> 16 & 255]
            ^ t4[low >> 24]
            ^ t3[high & 255]
            ^ t2[high >> 8 & 255]
            ^ t1[high >> 16 & 255]
            ^ t0[high >> 24]
        )
    for byte in data[whole:]:
        value = value >> 8 ^ t0[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF
