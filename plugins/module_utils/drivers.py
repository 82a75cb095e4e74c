# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The only file that imports third-party packages: guarded, when first asked for, with the least version of each.

Callers ask for a package by function and get the module, or a :class:`DriverMissingError` that names what to install.
Nothing is imported before: a job pays only for what it uses. The drivers' own types are not visible to the type
checker here on purpose: the engine must be importable without them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
import threading
import typing as t

from . import lazy_package
from .errors import DriverMissingError
from .lazy_dataclass import dataclass

LEAST_VERSIONS = {
    "psycopg": "3.1",
    "PyMySQL": "1.1",
    "zstandard": "0.18",
    "lz4": "4.0",
    "isal": "1.0",
    "cryptography": "3.3",
    "botocore": "1.21",
}


def psycopg() -> t.Any:
    """The psycopg 3 package, of which ``pq`` and the errors are imported: nothing else is used here.

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


def botocore() -> t.Any:
    """The botocore package, its ``session``, ``config`` and ``exceptions`` modules imported.

    :raises DriverMissingError: it is not installed or too old.
    """
    return _require(_load_botocore(), "botocore", install="boto3", purpose="for repositories in object storage")


def cryptography_x25519() -> t.Any:
    """The ``x25519`` module of the cryptography package, for age's keys.

    :raises DriverMissingError: it is not installed or too old.
    """
    return _cryptography("for encryption").x25519


def cryptography_serialization() -> t.Any:
    """The ``serialization`` module of the cryptography package.

    :raises DriverMissingError: it is not installed or too old.
    """
    return _cryptography("for encryption").serialization


def cryptography_ed25519() -> t.Any:
    """The ``ed25519`` module of the cryptography package, for signatures.

    :raises DriverMissingError: it is not installed or too old.
    """
    return _cryptography("for signatures").ed25519


def invalid_signature() -> t.Any:
    """What a public key's ``verify`` raises."""
    return _cryptography("for signatures").invalid_signature


def unsupported_algorithm() -> t.Any:
    """What the cryptography package raises for a key of a kind that it does not know."""
    return _cryptography("for signatures").unsupported


def chacha20_poly1305(key: bytes) -> t.Any:
    """An AEAD of the cryptography package: ``encrypt`` and ``decrypt``, which raises :func:`invalid_tag`.

    :raises DriverMissingError: it is not installed or too old, or its OpenSSL refuses the cipher.
    """
    package = _cryptography("for encryption")
    try:
        return package.aead(key)
    except package.unsupported as error:
        raise DriverMissingError(
            "age needs ChaCha20-Poly1305, which the OpenSSL of this Python's package cryptography refuses",
            hint="a host in FIPS mode cannot encrypt with age",
            package="cryptography",
        ) from error


def invalid_tag() -> t.Any:
    """What :func:`chacha20_poly1305` raises where a text is not what was sealed."""
    return _cryptography("for encryption").invalid_tag


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


@contextlib.contextmanager
def imported_beside(driver: t.Callable[[], t.Any]) -> t.Iterator[t.Callable[[], None]]:
    """Import a driver in a thread, beside what is done inside: digests, decompression and reads let it.

    :param driver: one of this module's functions. What it raises is raised again for who asks for the driver then.
    :returns: waits for the import's end, for who needs the driver inside.
    """
    thread = threading.Thread(target=_attempt, args=(driver,), name="dbfleet-import", daemon=True)
    thread.start()
    try:
        yield thread.join
    finally:
        thread.join()


def put_off_asyncio() -> None:
    """Leave asyncio to who uses it: psycopg's errors need the name of one of its exceptions, and import all of it.

    For a process that is the engine's own: who imports one of asyncio's modules and not asyncio itself, as nothing here
    does, would not get it.
    """
    package = lazy_package.prepare("asyncio")
    if package is None:
        return
    try:
        import asyncio.exceptions
    except ImportError:
        del sys.modules["asyncio"]
        return
    package.__dict__["CancelledError"] = asyncio.exceptions.CancelledError
    package.open()


def _attempt(driver: t.Callable[[], t.Any]) -> None:
    with contextlib.suppress(Exception):
        driver()


@functools.cache
def _load_psycopg() -> t.Any:
    # What wraps libpq asks for its own version, which takes longer than to load it.
    wrappers = [lazy_package.prepare(name) for name in ("psycopg_c", "psycopg_binary")]
    package = lazy_package.prepare("psycopg")
    try:
        import psycopg.pq
    except ImportError:
        if package is not None:
            del sys.modules["psycopg"]
        return None
    # Only then: they and pq need each other.
    import psycopg.errors

    for wrapper in wrappers:
        if wrapper is not None:
            wrapper.open()
    if package is not None:
        package.__dict__["__version__"] = _installed_version("psycopg", psycopg.pq.__file__)
        for name in ("Error", "OperationalError"):
            package.__dict__[name] = getattr(psycopg.errors, name)
        package.open()
    return psycopg


def _installed_version(name: str, file: str) -> str:
    """A distribution's version, from the name of the folder that installers put beside its package.

    :param file: a module of the package.
    """
    folder = os.path.dirname(os.path.dirname(os.path.dirname(file)))
    pattern = re.compile(re.escape(name) + r"-([0-9][^-]*)(?:-.*)?\.(?:dist|egg)-info")
    # A package may be in a file, and of two versions beside each other only Python knows which counts.
    with contextlib.suppress(OSError):
        found = [match.group(1) for match in map(pattern.fullmatch, os.listdir(folder)) if match]
        if len(found) == 1:
            return found[0]
    import psycopg.version

    return str(psycopg.version.__version__)


@functools.cache
def _load_pymysql() -> t.Any:
    _put_off_cryptography()
    try:
        import pymysql
        import pymysql.connections
    except ImportError:
        return None
    return pymysql


def _put_off_cryptography() -> None:
    """Leave what encrypts passwords to who uses it: PyMySQL imports it for servers without TLS."""
    try:
        import cryptography.hazmat.primitives.asymmetric
    except ImportError:
        return
    for name in ("hashes", "serialization", "asymmetric.padding"):
        module = lazy_package.prepare(f"{cryptography.hazmat.primitives.__name__}.{name}")
        if module is not None:
            module.open()


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


@functools.cache
def _load_botocore() -> t.Any:
    try:
        import botocore.config  # type: ignore[import-untyped]
        import botocore.exceptions  # type: ignore[import-untyped]
        import botocore.session  # type: ignore[import-untyped]
    except ImportError:
        return None
    return botocore


@dataclass(frozen=True)
class _Cryptography:
    """The parts of the cryptography package that are used."""

    x25519: t.Any
    ed25519: t.Any
    serialization: t.Any
    aead: t.Any
    invalid_tag: t.Any
    invalid_signature: t.Any
    unsupported: t.Any
    __version__: str


def _cryptography(purpose: str) -> _Cryptography:
    parts = _require(_load_cryptography(), "cryptography", install="cryptography", purpose=purpose)
    return t.cast(_Cryptography, parts)


@functools.cache
def _load_cryptography() -> t.Any:
    try:
        from cryptography import __version__
        from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    except ImportError:
        return None
    return _Cryptography(
        x25519,
        ed25519,
        serialization,
        ChaCha20Poly1305,
        InvalidTag,
        InvalidSignature,
        UnsupportedAlgorithm,
        __version__,
    )


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


@functools.cache
def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
