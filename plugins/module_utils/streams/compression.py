# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Compression as streams: gzip and zlib (ISA-L where it is installed), LZ4 frames and zstd frames.

What is written are ordinary streams of each format, so that the genuine tools read them. ISA-L's level 1 reaches the
ratio of zlib's level 6 at more than ten times its speed, so gzip levels up to 6 use it; 7 to 9 use zlib itself.
"""

from __future__ import annotations

import typing as t
import zlib

from .. import drivers
from ..errors import CorruptArtifactError, UsageError
from ..lazy_dataclass import dataclass
from .base import Buffer, ByteSink, ByteSource, read_exactly
from .zstd_frames import ZstdFrames

METHODS = ("none", "gzip", "lz4", "zstd")
SUFFIXES = {"none": "", "gzip": ".gz", "lz4": ".lz4", "zstd": ".zst"}
_LEVELS = {"gzip": (1, 9), "lz4": (0, 12), "zstd": (1, 22)}
_DEFAULT_LEVELS = {"gzip": 6, "lz4": 0, "zstd": 3}
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x04\x22\x4d\x18", "lz4"), (b"\x28\xb5\x2f\xfd", "zstd"))
_LONGEST_MAGIC = 4

READ_SIZE = 1 << 17
# As much as is asked for at once: what is more would be copied once more.
OUTPUT_LIMIT = 1 << 18
_LARGEST_ZSTD_WINDOW = 1 << 27
_ZLIB_WBITS = {"gzip": 31, "zlib": 15}


@dataclass(frozen=True)
class Compression:
    """A method and its level, as ``--compress`` names them.

    :param method: one of ``none``, ``gzip``, ``lz4``, ``zstd``.
    :param level: 0 for ``none``; else within the method's own range.
    """

    method: str
    level: int

    @classmethod
    def parse(cls, text: str) -> Compression:
        """Read ``gzip``, ``gzip:6``, ``zstd:3``, ``lz4`` or ``none``.

        :raises UsageError: the method or the level is unknown.
        """
        method, colon, level_text = text.partition(":")
        if method not in METHODS:
            raise UsageError(f"unknown compression {text!r}", hint="use none, gzip[:1-9], lz4[:0-12] or zstd[:1-22]")
        if not colon:
            return cls(method, _DEFAULT_LEVELS.get(method, 0))
        low, high = _LEVELS.get(method, (0, 0))
        # isdigit() alone would let other scripts' digits and superscripts through.
        if not (level_text.isascii() and level_text.isdigit()) or not low <= int(level_text) <= high:
            raise UsageError(
                f"the level in compression {text!r} is not valid", hint=f"use {low} to {high}" if high else "use none"
            )
        return cls(method, int(level_text))

    def __str__(self) -> str:
        return self.method if self.method == "none" else f"{self.method}:{self.level}"

    @property
    def suffix(self) -> str:
        """What a file of this compression has at the end of its name: ``.gz`` and so on, empty for none."""
        return SUFFIXES[self.method]

    def check_available(self) -> None:
        """Fail now rather than in the middle when the method's package is missing.

        :raises DriverMissingError: the package is not installed.
        """
        _check_method(self.method)


class Compressor(t.Protocol):
    """The incremental interface that zlib, lz4 and zstandard share."""

    def compress(self, data: Buffer) -> bytes: ...

    def flush(self) -> bytes: ...


class _Lz4Compressor:
    """LZ4's frame compressor wants an explicit beginning; this gives it the common interface."""

    def __init__(self, level: int) -> None:
        self._inner = drivers.lz4_frame().LZ4FrameCompressor(compression_level=level, content_checksum=True)
        self._begun = False

    def compress(self, data: Buffer) -> bytes:
        return self._header() + t.cast(bytes, self._inner.compress(data))

    def flush(self) -> bytes:
        return self._header() + t.cast(bytes, self._inner.flush())

    def _header(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return t.cast(bytes, self._inner.begin())


def compressor(compression: Compression, *, container: str = "gzip") -> Compressor:
    """A new compressor object for one stream.

    :param container: for gzip only: ``gzip`` (RFC 1952, files) or ``zlib`` (RFC 1950, custom archives).
    :raises DriverMissingError: the method's package is not installed.
    """
    if compression.method == "gzip":
        isal = drivers.isal_zlib()
        if isal is not None and compression.level <= 6:
            isal_level = 0 if compression.level == 1 else 1
            return t.cast(Compressor, isal.compressobj(isal_level, wbits=_ZLIB_WBITS[container]))
        return zlib.compressobj(compression.level, zlib.DEFLATED, _ZLIB_WBITS[container])
    if compression.method == "zstd":
        options = drivers.zstandard().ZstdCompressor(level=compression.level, write_checksum=True)
        return t.cast(Compressor, options.compressobj())
    if compression.method == "lz4":
        return _Lz4Compressor(compression.level)
    raise UsageError(f"{compression.method} is not a compression that makes a stream")


class CompressSink:
    """Compresses what is written and passes it on."""

    def __init__(self, inner: ByteSink, compression: Compression, *, container: str = "gzip") -> None:
        self._inner = inner
        self._compressor = compressor(compression, container=container)

    def write(self, data: Buffer) -> None:
        compressed = self._compressor.compress(data)
        if compressed:
            self._inner.write(compressed)

    def close(self) -> None:
        self._inner.write(self._compressor.flush())
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()


def compress_sink(inner: ByteSink, compression: Compression) -> ByteSink:
    """``inner`` with compression in front of it, or ``inner`` itself for none (file containers)."""
    return inner if compression.method == "none" else CompressSink(inner, compression)


class DecompressSource:
    """The decompressed bytes of a source: several members or frames may follow each other.

    Memory is bounded whatever the input expands to: at most 256 KiB are produced at a time.

    :param method: ``gzip``, ``lz4`` or ``zstd``.
    :param container: for gzip only: ``gzip`` or ``zlib``.
    :param name: the file's name, for error messages.
    """

    def __init__(self, inner: ByteSource, method: str, *, container: str = "gzip", name: str = "the stream") -> None:
        _check_method(method)
        self._inner = inner
        self._method = method
        self._name = name
        self._pending = b""
        self._position = 0
        self._error: CorruptArtifactError | None = None
        self._errors = _decompression_errors(method)
        # They know nothing of this source: what is closed before its end is freed at once, not by the cycle collector.
        self._chunks = _zstd_chunks(inner, name) if method == "zstd" else _chunks(inner, method, container, name)

    def read(self, size: int) -> bytes:
        if self._position == len(self._pending) and not self._fill():
            return b""
        # Slicing off the front instead would copy the rest of the chunk at every read.
        data = self._pending[self._position : self._position + size]
        self._position += len(data)
        return data

    def _fill(self) -> bool:
        """The next chunk, if there is one. A damaged stream stays damaged: a second read must not look like its end."""
        if self._error is not None:
            raise self._error
        try:
            self._pending, self._position = next(self._chunks, b""), 0
        except CorruptArtifactError as error:
            self._error = error
            raise
        except self._errors as error:
            self._error = _damaged(self._name, self._method, str(error))
            raise self._error from error
        return bool(self._pending)

    def close(self) -> None:
        self._inner.close()


class _Member(t.Protocol):
    """One gzip member or LZ4 frame being decompressed, with bounded output a call."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes) -> bytes: ...


class _ZlibMember:
    def __init__(self, container: str) -> None:
        module = drivers.isal_zlib() or zlib
        self._inner: t.Any = module.decompressobj(wbits=_ZLIB_WBITS[container])
        self._tail = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return t.cast(bytes, self._inner.unused_data)

    def decompress(self, data: bytes) -> bytes:
        produced = t.cast(bytes, self._inner.decompress(self._tail + data if self._tail else data, OUTPUT_LIMIT))
        self._tail = self._inner.unconsumed_tail
        self.needs_input = not self._tail and len(produced) < OUTPUT_LIMIT
        return produced


class _Lz4Member:
    def __init__(self) -> None:
        self._inner = drivers.lz4_frame().LZ4FrameDecompressor()

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return bool(self._inner.needs_input)

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data or b""

    def decompress(self, data: bytes) -> bytes:
        return t.cast(bytes, self._inner.decompress(data, max_length=OUTPUT_LIMIT))


def _new_member(method: str, container: str) -> _Member:
    return _ZlibMember(container) if method == "gzip" else _Lz4Member()


def _chunks(inner: ByteSource, method: str, container: str, name: str) -> t.Iterator[bytes]:
    """Of gzip members and LZ4 frames."""
    rest = inner.read(READ_SIZE)
    if not rest:
        raise _damaged(name, method, "it is empty")
    while rest:
        member = _new_member(method, container)
        while not member.eof:
            if member.needs_input and not rest:
                rest = inner.read(READ_SIZE)
                if not rest:
                    raise _damaged(name, method, "it is truncated")
            produced = member.decompress(rest)
            rest = b""
            if produced:
                yield produced
        rest = member.unused_data or inner.read(READ_SIZE)


def _zstd_chunks(inner: ByteSource, name: str) -> t.Iterator[bytes]:
    frames = 0
    decompressor: t.Any = None
    for piece, last in ZstdFrames(inner, name).pieces():
        if decompressor is None:
            decompressor = drivers.zstandard().ZstdDecompressor(max_window_size=_LARGEST_ZSTD_WINDOW).decompressobj()
        produced = decompressor.decompress(piece)
        if produced:
            yield produced
        if last:
            frames += 1
            decompressor = None
    if frames == 0:
        raise _damaged(name, "zstd", "it is empty")


def _damaged(name: str, method: str, cause: str) -> CorruptArtifactError:
    return CorruptArtifactError(f"cannot decompress {name} ({method}): {cause}", path=name)


def decompress_source(inner: ByteSource, method: str, *, name: str = "the stream") -> ByteSource:
    """``inner`` decompressed, or ``inner`` itself for the method ``none`` (file containers)."""
    return inner if method == "none" else DecompressSource(inner, method, name=name)


class _Stored(ByteSource, t.Protocol):
    """A file as it is stored."""

    def seek(self, offset: int) -> None: ...


def decompressed(stored: _Stored, *, name: str = "the stream") -> ByteSource:
    """A file that may be compressed, as its first bytes tell; it is closed where that fails.

    :raises CorruptArtifactError: its first bytes are damaged.
    """
    try:
        method = detect_method(read_exactly(stored, _LONGEST_MAGIC))
        stored.seek(0)
        return decompress_source(stored, method, name=name)
    except BaseException:
        stored.close()
        raise


def detect_method(head: bytes) -> str:
    """The compression that a file's first bytes tell: ``gzip``, ``lz4``, ``zstd`` or ``none``."""
    for magic, method in _MAGIC:
        if head.startswith(magic):
            return method
    return "none"


def _check_method(method: str) -> None:
    if method == "zstd":
        drivers.zstandard()
    elif method == "lz4":
        drivers.lz4_frame()


def _decompression_errors(method: str) -> tuple[type[BaseException], ...]:
    if method == "zstd":
        return (drivers.zstandard().ZstdError,)
    if method == "lz4":
        return (RuntimeError, ValueError, EOFError)
    isal = drivers.isal_zlib()
    return (zlib.error,) if isal is None else (zlib.error, isal.error)
