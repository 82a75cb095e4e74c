# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chosen wheels and how they are unpacked."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, NotFoundError, UsageError
from dbfleet.installation.bundle import wheels_out_of
from dbfleet.installation.locked import COMPONENTS, MACHINES, PYTHONS
from dbfleet.installation.wheels import Wheel, all_wheels, check_wheel, platform_tags, wheel_members, wheels_for


def make_wheel(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def wheel_of(path: Path) -> Wheel:
    return Wheel(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), ("zstd",), ("3.11",), ("x86_64",))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_component_has_its_packages_everywhere(python: str, machine: str) -> None:
    leading = {
        "postgresql": {"psycopg", "psycopg_binary"},
        "mysql": {"pymysql", "cryptography"},
        "encryption": {"cryptography"},
        "s3": {"botocore"},
    }
    for component in COMPONENTS:
        wheels = wheels_for([component], python, machine)
        names = [wheel.name.lower() for wheel in wheels]
        assert len(names) == len(set(names)), "one version of each package"
        wanted = leading.get(component) or {"zstandard" if component == "zstd" else component}
        assert wanted <= set(names)
        for wheel in wheels:
            _name, _version, tag, _abi, platform = wheel.file.removesuffix(".whl").split("-")
            assert platform == "any" or machine in platform
            short = "cp" + python.replace(".", "")
            assert tag in (short, "py3", "py2.py3") or "abi3" in wheel.file


def test_the_list_names_each_wheel_once() -> None:
    wheels = all_wheels()
    assert len({wheel.file for wheel in wheels}) == len(wheels) > 50
    assert all(len(bytes.fromhex(wheel.sha256)) == 32 for wheel in wheels)


def test_an_unknown_component_is_refused() -> None:
    with pytest.raises(UsageError, match="oracle"):
        wheels_for(["oracle"], "3.11", "x86_64")


def test_platforms_are_those_of_glibc_up_to_the_least() -> None:
    tags = platform_tags("x86_64")
    assert tags[0] == "manylinux_2_28_x86_64"
    assert tags.index("manylinux2014_x86_64") == tags.index("manylinux_2_17_x86_64") + 1
    assert "manylinux_2_34_x86_64" not in tags


def test_what_a_wheel_installs_among_the_packages(tmp_path: Path) -> None:
    members = {
        "package/__init__.py": b"a",
        "package-1.dist-info/METADATA": b"b",
        "package-1.data/platlib/package/fast.so": b"c",
        "package-1.data/scripts/program": b"d",
        "package-1.data/headers/package.h": b"e",
    }
    found = dict(wheel_members(str(make_wheel(tmp_path / "package-1-py3-none-any.whl", members))))
    assert found == {
        "package/__init__.py": b"a",
        "package-1.dist-info/METADATA": b"b",
        "package/fast.so": b"c",
    }


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil", "a//b", "a\\..\\b", "./a"])
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path / "evil-1-py3-none-any.whl", {name: b""})
    with pytest.raises(CorruptArtifactError, match="name"):
        list(wheel_members(str(path)))


def test_a_changed_wheel_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path / "package-1-py3-none-any.whl", {"a.py": b"a"})
    wheel = wheel_of(path)
    check_wheel(wheel, str(path))
    with path.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(CorruptArtifactError, match="SHA-256"):
        check_wheel(wheel, str(path))


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "tar"])
def test_wheels_come_out_of_a_bundle(packed: bool, tmp_path: Path) -> None:
    folder, scratch = tmp_path / "bundle", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    wheel = wheel_of(make_wheel(folder / "package-1-py3-none-any.whl", {"a.py": b"a"}))
    other = Wheel("other-1-py3-none-any.whl", wheel.sha256, ("zstd",), ("3.11",), ("x86_64",))
    bundle = folder
    if packed:
        bundle = tmp_path / "bundle.tar"
        with tarfile.open(bundle, "w") as archive:
            archive.add(folder, "bundle")
            link = tarfile.TarInfo(other.file)
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    (path,) = wheels_out_of(str(bundle), [wheel], str(scratch))
    assert dict(wheel_members(path)) == {"a.py": b"a"}
    with pytest.raises(NotFoundError, match=r"lacks other-1"):
        wheels_out_of(str(bundle), [wheel, other], str(scratch))


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tar"
    broken.write_bytes(b"x" * 2000)
    with pytest.raises(CorruptArtifactError, match="not a bundle"):
        wheels_out_of(str(broken), all_wheels()[:1], str(tmp_path))
    with pytest.raises(NotFoundError, match="no bundle"):
        wheels_out_of(str(tmp_path / "none"), all_wheels()[:1], str(tmp_path))
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    broken.write_bytes(empty.getvalue())
    with pytest.raises(NotFoundError, match="lacks"):
        wheels_out_of(str(broken), all_wheels()[:1], str(tmp_path))
