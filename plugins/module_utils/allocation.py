# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How the process's memory is kept between one buffer and the next."""

from __future__ import annotations

_KEPT = 4 << 20


def keep_freed_memory() -> None:
    """Let the memory of a freed buffer of up to 4 MiB be used for the next one, for work in many of some 100 KiB.

    glibc's malloc begins by mapping every buffer of 128 KiB and more for itself and gives it back when it is freed, and
    the system has to clear every page of the next one: a quarter of the processor time of a backup. When a buffer is
    freed, it raises that limit to its size, and twice as much may stay free at the heap's end
    (https://man7.org/linux/man-pages/man3/mallopt.3.html, M_MMAP_THRESHOLD). Nothing is written into this one, so it
    takes no memory. Other allocators are not harmed.
    """
    bytes(_KEPT)
