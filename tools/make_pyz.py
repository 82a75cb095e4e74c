# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the command as one executable file with the drivers inside, for every Python and both architectures.

Wheels for several Pythons share much of their content: the same bytes are stored once. Files that are never imported
are left out. The same choice of wheels gives the same bytes.

Usage: ``python -m tools.make_pyz [--output FILE]``
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import io
import json
import lzma
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dbfleet.errors import DbfleetError
from dbfleet.installation.locked import MACHINES, PYTHONS
from dbfleet.installation.wheels import Wheel, wheel_members
from dbfleet.release import VERSION
from tools.collection_tree import CHECKOUT, source_files
from tools.make_bundle import fetched
from tools.pyz_unpack import INDEX

# numpy alone would be more than all the others, and everything works without it.
COMPONENTS = ("postgresql", "mysql", "encryption", "zstd", "lz4", "isal", "s3")
LARGEST = 55 << 20
ENGINE = Path("plugins", "module_utils")
MAIN = """\
# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause
import sys

if sys.version_info < (3, 9):
    sys.exit("error: Python 3.9 or later is needed; this is %d.%d" % sys.version_info[:2])


def main():
    import os

    archive = os.path.dirname(os.path.abspath(__file__))
    from unpack import unpacked

    folder = unpacked(archive)
    sys.path[:] = [folder] + [path for path in sys.path if os.path.abspath(path or ".") != archive]
    from dbfleet.cli.start import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
"""
# What no program imports: tests, sources, type stubs, zstandard's other backend, and all of botocore's services but
# those that object storage and its credentials need.
_UNUSED = re.compile(
    r"(^|/)tests?/|\.(pyi|pxd|pyx|c|h|a|typed)$|\.dist-info/(?!METADATA)|^zstandard/(_cffi|backend_cffi)"
    r"|^botocore/data/(?!(s3|sts|sso|sso-oidc|signin)/)[^/]+/|^botocore/data/.*/(paginators|waiters|examples)-"
)


@dataclasses.dataclass
class Contents:
    """Every distinct content, by the compressed part that it is in."""

    numbers: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    entries: list[tuple[str, int, int, str]] = dataclasses.field(default_factory=list)
    parts: dict[str, io.BytesIO] = dataclasses.field(default_factory=dict)

    def add(self, part: str, content: bytes) -> int:
        """The number of a content, which is stored if it is new."""
        digest = hashlib.sha256(content).hexdigest()
        key = (part, digest)
        if key not in self.numbers:
            stream = self.parts.setdefault(part, io.BytesIO())
            self.entries.append((part, stream.tell(), len(content), digest))
            stream.write(content)
            self.numbers[key] = len(self.entries) - 1
        return self.numbers[key]


def collect(
    files: Iterable[tuple[str, bytes]], wheels: Mapping[Wheel, Path], pythons: Sequence[str], machines: Sequence[str]
) -> tuple[Contents, dict[str, dict[str, int]]]:
    """All contents, and for each Python and architecture which of them goes where."""
    contents = Contents()
    targets: dict[str, dict[str, int]] = {f"{python}-{one}": {} for python in pythons for one in machines}
    for path, content in files:
        number = contents.add("any.xz", content)
        for paths in targets.values():
            paths[path] = number
    # Neighbours that are alike compress best: the wheels of one package come one after another.
    for wheel, source in sorted(wheels.items(), key=lambda item: item[0].file):
        part = "any.xz" if len(wheel.machines) > 1 else f"{wheel.machines[0]}.xz"
        for path, content in wheel_members(str(source)):
            if _UNUSED.search(path):
                continue
            number = contents.add(part, content)
            for python in set(wheel.pythons).intersection(pythons):
                for machine in set(wheel.machines).intersection(machines):
                    targets[f"{python}-{machine}"][path] = number
    return contents, targets


def engine() -> Iterator[tuple[str, bytes]]:
    """The files of the engine below the name of its package."""
    for path in source_files(CHECKOUT):
        if ENGINE in path.parents and path.suffix == ".py":
            yield f"dbfleet/{path.relative_to(ENGINE).as_posix()}", (CHECKOUT / path).read_bytes()


def build(
    files: Iterable[tuple[str, bytes]],
    wheels: Mapping[Wheel, Path],
    pythons: Sequence[str] = PYTHONS,
    machines: Sequence[str] = MACHINES,
    *,
    preset: int = 9,
) -> bytes:
    """The file.

    :param files: of the engine.
    :param preset: how hard to compress.
    """
    contents, targets = collect(files, wheels, pythons, machines)
    with ThreadPoolExecutor() as pool:
        packed = dict(
            zip(
                sorted(contents.parts),
                pool.map(functools.partial(pack, preset=preset), sorted(contents.parts.items())),
                strict=True,
            )
        )
    index: dict[str, Any] = {"version": VERSION, "contents": contents.entries, "targets": targets}
    index["digest"] = hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()
    result = io.BytesIO()
    result.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(result, "a") as archive:
        add(archive, "__main__.py", MAIN.encode(), zipfile.ZIP_STORED)
        add(archive, "unpack.py", Path(__file__).with_name("pyz_unpack.py").read_bytes(), zipfile.ZIP_STORED)
        add(archive, INDEX, json.dumps(index, sort_keys=True).encode(), zipfile.ZIP_DEFLATED)
        for name, content in packed.items():
            add(archive, name, content, zipfile.ZIP_STORED)
    return result.getvalue()


def pack(part: tuple[str, io.BytesIO], *, preset: int) -> bytes:
    """One part, compressed so that likenesses far apart are found."""
    name, stream = part
    filters = [{"id": lzma.FILTER_LZMA2, "preset": preset, "dict_size": 192 << 20}]
    packed = lzma.compress(stream.getvalue(), check=lzma.CHECK_CRC32, filters=filters)
    print(f"{name}: {stream.tell() / (1 << 20):.1f} MiB, packed {len(packed) / (1 << 20):.1f} MiB", flush=True)
    return packed


def add(archive: zipfile.ZipFile, name: str, content: bytes, method: int) -> None:
    """Add a file; its time and mode are always the same."""
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.compress_type = method
    member.external_attr = 0o644 << 16
    archive.writestr(member, content)


def main(arguments: Sequence[str]) -> int:
    """Make the file."""
    parser = argparse.ArgumentParser(prog="make_pyz", description="Make the command as one executable file.")
    parser.add_argument("--output", type=Path, default=CHECKOUT / "dist" / f"dbfleet-{VERSION}.pyz")
    given = parser.parse_args(arguments)
    try:
        content = build(engine(), fetched(COMPONENTS, PYTHONS, MACHINES))
    except DbfleetError as error:
        sys.exit(f"error: {error}")
    if len(content) > LARGEST:
        sys.exit(f"error: the file would have {len(content)} bytes, more than {LARGEST}")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    temporary = given.output.with_name(f".{given.output.name}.partial")
    temporary.write_bytes(content)
    temporary.chmod(0o755)
    temporary.replace(given.output)
    print(f"{given.output}: {len(content) / (1 << 20):.1f} MiB, SHA-256 {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
