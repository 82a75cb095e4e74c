# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's tarball into ``dist/``, and prove that it is complete and installs offline.

The Python package is built too: it must hold every file of the engine, since ``pip install`` is how the command gets
to a host.

Usage: ``python -m tools.build``
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tools.collection_tree import CHECKOUT, NAME, NAMESPACE, exported_collection, tool_environment

FQCN = f"{NAMESPACE}.{NAME}"
ENGINE = Path("plugins", "module_utils")
NOT_SHIPPED = {ENGINE / "cli" / "__main__.py"}
# Galaxy imports no collection with a plugin of another name.
PLUGIN_NAME = re.compile(r"(?!.*__)[a-z_][0-9a-z_]*")
SHIPPED = {
    "CHANGELOG.rst",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


def run(*command: str | Path, root: Path, cwd: Path | None = None) -> str:
    """Run a tool that sees the collection at ``root`` only, and return its output; end the program if it fails."""
    words = [str(word) for word in command]
    environment = tool_environment(root)
    done = subprocess.run(
        words, cwd=cwd, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nerror: {' '.join(words)} ended with code {done.returncode}")
    return done.stdout


def build_tarball(root: Path, output: Path) -> Path:
    """Build the tarball of the collection at ``root`` and check what it holds."""
    run("ansible-galaxy", "collection", "build", "--force", "--output-path", output, root=root, cwd=root)
    (tarball,) = output.glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        names = {Path(member.name) for member in archive.getmembers() if member.isfile()}
    strangers = sorted(str(name) for name in names if name.parts[0] not in SHIPPED)
    if strangers:
        sys.exit(
            f"error: the tarball holds files that users do not need: {', '.join(strangers)}\n"
            "hint: name them in build_ignore of galaxy.yml, or in SHIPPED of tools/build.py if users do need them"
        )
    plugins = {path.relative_to(root) for path in root.joinpath("plugins").rglob("*") if path.is_file()}
    if plugins - names != NOT_SHIPPED:
        sys.exit(f"error: the tarball lacks {', '.join(sorted(map(str, plugins - names)))}")
    unwanted = [name for name in plugins & names if name.stem != "__init__" and not PLUGIN_NAME.fullmatch(name.stem)]
    if unwanted:
        sys.exit(f"error: Galaxy would refuse the names {', '.join(sorted(map(str, unwanted)))}")
    print(f"{tarball.name}: {len(names)} files, {tarball.stat().st_size / 1024:.0f} KiB")
    return tarball


def check_installation(tarball: Path, target: Path) -> None:
    """Install ``tarball`` offline below ``target`` and read the documentation of everything in it."""
    run("ansible-galaxy", "collection", "install", tarball, "--offline", "--collections-path", target, root=target)
    root = target / "ansible_collections" / NAMESPACE / NAME
    run("ansible-galaxy", "collection", "verify", FQCN, "--offline", root=root)
    modules = sorted(path.stem for path in root.glob("plugins/modules/[!_]*.py"))
    if not modules:
        sys.exit("error: the installed collection has no module")
    for module in modules:
        if f"{FQCN}.{module}".lower() not in run("ansible-doc", f"{FQCN}.{module}", root=root).lower():
            sys.exit(f"error: ansible-doc shows nothing for {FQCN}.{module}")
    roles = sorted(path.name for path in root.glob("roles/*") if path.is_dir())
    for role in roles:
        run("ansible-doc", "--type", "role", f"{FQCN}.{role}", root=root)
    playbooks = sorted(path.stem for path in root.glob("playbooks/*.yml"))
    for playbook in playbooks:
        run("ansible-playbook", "--syntax-check", "--inventory", "localhost,", f"{FQCN}.{playbook}", root=root)
    print(f"installed offline and verified; documented: {', '.join(modules + roles)}")
    if playbooks:
        print(f"playbooks that parse: {', '.join(playbooks)}")


def check_package(root: Path, output: Path) -> None:
    """Build the wheel of the engine and check that it holds every file of it and the command."""
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", output, root, root=root)
    (wheel,) = output.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    engine = root / ENGINE
    expected = {f"dbfleet/{path.relative_to(engine).as_posix()}" for path in engine.rglob("*.py")}
    if expected - names:
        sys.exit(f"error: the wheel lacks {', '.join(sorted(expected - names))}")
    if not any(name.endswith(".dist-info/entry_points.txt") for name in names):
        sys.exit("error: the wheel has no dbfleet command")
    print(f"{wheel.name}: {len(expected)} files of the engine and the dbfleet command")


def main() -> None:
    """Build and check; the tarball that passed is moved to ``dist/`` last."""
    with exported_collection() as root, tempfile.TemporaryDirectory(prefix="dbfleet-build-") as folder:
        temporary = Path(folder).resolve()
        for name in ("tarball", "installed", "wheel"):
            temporary.joinpath(name).mkdir()
        tarball = build_tarball(root, temporary / "tarball")
        check_installation(tarball, temporary / "installed")
        check_package(root, temporary / "wheel")
        published = CHECKOUT / "dist" / tarball.name
        published.parent.mkdir(exist_ok=True)
        published.write_bytes(tarball.read_bytes())
        print(f"built {published.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
