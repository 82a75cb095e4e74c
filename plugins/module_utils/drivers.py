# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The only file that imports third-party packages: guarded, when first asked for, with the least version of each.

Callers ask for a package by function and get the module, or a :class:`DriverMissingError` that names what to install.
Nothing is imported before: a job pays only for what it uses. The drivers' own types are not visible to the type
checker here on purpose: the engine must be importable without them.
"""

from __future__ import annotations

import functools
import os
import re
import typing as t

from .errors import DriverMissingError

LEAST_VERSIONS = {"psycopg": "3.1", "PyMySQL": "1.1", "zstandard": "0.18", "lz4": "4.0", "isal": "1.0"}


def psycopg() -> t.Any:
    """The psycopg 3 package, its ``pq`` layer imported.

    :raises DriverMissingError: it is not installed, its libpq is missing, or it is older than 3.1.
    """
    return _require(_load_psycopg(), "psycopg", install="psycopg[binary]", purpose="to talk to PostgreSQL")


def psycopg_pq() -> t.Any:
    """psycopg's ``pq`` layer: libpq calls with raw bytes."""
    return psycopg().pq


def pymysql() -> t.Any:
    """The PyMySQL package, its ``connections`` module imported.

    :raises DriverMissingError: it is not installed or older than 1.1.
    """
    return _require(_load_pymysql(), "PyMySQL", install="PyMySQL", purpose="to talk to MySQL and MariaDB")


def zstandard() -> t.Any:
    """The zstandard package, for zstd streams.

    :raises DriverMissingError: it is not installed or too old.
    """
    return _require(_load_zstandard(), "zstandard", install="zstandard", purpose="for zstd compression")


def lz4_frame() -> t.Any:
    """The ``lz4.frame`` module, for LZ4 frames.

    :raises DriverMissingError: it is not installed or too old.
    """
    return _require(_load_lz4_frame(), "lz4", install="lz4", purpose="for lz4 compression")


@functools.cache
def isal_zlib() -> t.Any:
    """The ``isal.isal_zlib`` module (fast zlib streams), or ``None``: zlib itself then does the work."""
    try:
        import isal.isal_zlib
    except ImportError:
        return None
    return isal.isal_zlib


@functools.cache
def numpy() -> t.Any:
    """The numpy package, or ``None``: the exact slow path then does the work."""
    # Its threads for linear algebra, of which nothing is done here, would spin beside every job.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        import numpy
    except ImportError:
        return None
    return numpy


@functools.cache
def rich_progress() -> t.Any:
    """The ``rich.progress`` module, or ``None``: plain lines are printed then."""
    try:
        import rich.progress
    except ImportError:
        return None
    return rich.progress


@functools.cache
def rich_console() -> t.Any:
    """The ``rich.console`` module, or ``None``."""
    try:
        import rich.console
    except ImportError:
        return None
    return rich.console


@functools.cache
def _load_psycopg() -> t.Any:
    try:
        import psycopg
        import psycopg.pq
    except ImportError:
        return None
    return psycopg


@functools.cache
def _load_pymysql() -> t.Any:
    try:
        import pymysql
        import pymysql.connections
    except ImportError:
        return None
    return pymysql


@functools.cache
def _load_zstandard() -> t.Any:
    try:
        import zstandard
    except ImportError:
        return None
    return zstandard


@functools.cache
def _load_lz4_frame() -> t.Any:
    try:
        import lz4.frame  # type: ignore[import-untyped]
    except ImportError:
        return None
    return lz4.frame


def _require(module: t.Any, name: str, *, install: str, purpose: str) -> t.Any:
    if module is None:
        raise DriverMissingError(
            f"the Python package {name} is needed {purpose} and is not installed",
            hint=f"install it for this Python, for example: pip install '{install}'",
            package=install,
        )
    least = LEAST_VERSIONS[name]
    found = getattr(module, "__version__", "")
    if found and _version(found) < _version(least):
        raise DriverMissingError(
            f"the Python package {name} {found} is too old: {least} or later is needed {purpose}",
            hint=f"upgrade it, for example: pip install --upgrade '{install}'",
            package=install,
        )
    return module


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
