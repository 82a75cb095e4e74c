# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that keep the engine shippable and its rooms apart, checked on the source itself."""

from __future__ import annotations

import ast
import dataclasses
import graphlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml

from dbfleet.release import VERSION

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
ENGINE = PLUGINS / "module_utils"
PACKAGE = "dbfleet"

# Each room may import from its own layer and from those above it in these lists: the lowest comes first.
LAYERS = (
    {"errors", "lazy_dataclass", "release"},
    {"allocation", "boundary", "debug_log", "drivers", "host_memory", "lazy_package", "posix_only", "progress"},
    {"job_status", "running_jobs", "state_file", "streams", "workers"},
    {"comparison", "repository"},
    {"interfaces"},
    {"mysql", "postgresql"},
    {"local_server"},
    {"tools"},
    {"measured"},
    {
        "backup",
        "backup_account",
        "benchmark",
        "binlog_prune",
        "cluster_backup",
        "cluster_restore",
        "cluster_script",
        "compare",
        "copied_backup",
        "copies",
        "drill",
        "engine_sides",
        "hold",
        "info",
        "physical_backup",
        "metrics",
        "overview",
        "installation",
        "jobs",
        "log_prune",
        "physical_candidates",
        "physical_combine",
        "physical_drill",
        "point_in_time",
        "point_in_time_state",
        "prune",
        "checksums",
        "restore",
        "restore_members",
        "restore_script",
        "structure",
        "several_databases",
        "summary",
        "verified_backup",
        "verify",
        "wal_check",
        "wal_prune",
        "wal_restore",
        "wal_restore_plan",
        "wal_windows",
    },
    {"requests"},
    {"cli", "module_entry", "report"},
)
# Inside an engine only the rooms that the design names have a layer; a file beside them is bound by the ban on cycles.
INNER_LAYERS = {
    "postgresql": (
        {"keywords", "quoting", "text", "version"},
        {"connection", "options", "session"},
        {"archive", "catalog", "dependencies", "filters", "replication", "toc", "wal"},
        {"cluster", "dump", "physical_restore", "restore", "script"},
    ),
    "mysql": (
        {"keywords", "quoting", "text", "version"},
        {"connection", "options", "session", "wire"},
        {"binlog", "catalog", "dependencies", "filters", "rows"},
        {"accounts", "dump", "load", "script"},
    ),
}
# Without its colon, or reuse would take what follows for this file's own licence.
LICENCE_TAG = "SPDX-License-Identifier"
DYNAMIC_IMPORTS = {"importlib", "imp", "pkgutil", "runpy"}


@dataclasses.dataclass(frozen=True)
class Import:
    """One name imported by a file.

    :param module: absolute, and below ``dbfleet`` for a relative import.
    :param types_only: it is for the type checker and never runs.
    """

    where: str
    module: str
    relative: bool
    types_only: bool

    @property
    def top(self) -> str:
        """The first part of the module's name."""
        return self.module.partition(".")[0]


def module_name(path: Path) -> str:
    """The absolute name that the engine's file ``path`` has as part of the package ``dbfleet``."""
    parts = path.relative_to(ENGINE).with_suffix("").parts
    return ".".join((PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def imports_of(source: str, name: str, where: str) -> Iterator[Import]:
    """Every import statement of ``source``, the module ``name``, whether at the top or inside a function."""
    tree = ast.parse(source)
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            relative = isinstance(node, ast.ImportFrom) and node.level > 0
            for module in modules_named_by(node, name):
                yield Import(f"{where}:{node.lineno}", module, relative, id(node) in guarded)


def modules_named_by(node: ast.Import | ast.ImportFrom, name: str) -> list[str]:
    """The absolute names of the modules that ``node``, a statement of the module ``name``, imports or imports from."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not node.level:
        return [node.module or ""]
    base = name.split(".")[: -node.level]
    if not base:
        return [""]
    if node.module:
        return [".".join((*base, node.module))]
    # "from .. import y" can only name a module.
    return [".".join((*base, alias.name)) for alias in node.names]


def python_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


ENGINE_FILES = python_files(ENGINE)
PLUGIN_FILES = [path for path in python_files(PLUGINS) if ENGINE not in path.parents]
ENGINE_IMPORTS = {
    module_name(path): tuple(
        imports_of(path.read_text(encoding="utf-8"), module_name(path), str(path.relative_to(ROOT)))
        if path.name != "__init__.py"
        else ()
    )
    for path in ENGINE_FILES
}


def layer_of(name: str, layers: tuple[set[str], ...]) -> int | None:
    return next((rank for rank, layer in enumerate(layers) if name in layer), None)


def wrong_direction(importer: str, imported: Import) -> str | None:
    """Say why the engine's module ``importer`` must not make this import, or return None when it may."""
    source, target = importer.split(".")[1:], imported.module.split(".")[1:]
    if not source or not target:
        return None
    if source[0] != target[0]:
        if {source[0], target[0]} == {"mysql", "postgresql"}:
            return f"{imported.where}: {source[0]} must know nothing of {target[0]}"
        layers, ends = LAYERS, (source[0], target[0])
    elif source[0] in INNER_LAYERS and source[1:] and target[1:]:
        layers, ends = INNER_LAYERS[source[0]], (source[1], target[1])
    else:
        return None
    ranks = [layer_of(end, layers) for end in ends]
    if None not in ranks and ranks[0] < ranks[1]:
        return f"{imported.where}: {ends[0]} must not import {ends[1]}, which is above it"
    return None


def all_imports() -> Iterator[tuple[str, Import]]:
    for importer, imports in ENGINE_IMPORTS.items():
        for imported in imports:
            yield importer, imported


def nothing(faults: Iterable[str]) -> None:
    """Fail with every fault on a line of its own."""
    found = sorted(faults)
    assert not found, "\n".join(("", *found))


def test_the_engine_was_found() -> None:
    assert {"errors", "drivers", "streams"} <= {
        path.relative_to(ENGINE).parts[0].removesuffix(".py") for path in ENGINE_FILES
    }


def test_every_room_of_the_engine_has_a_layer() -> None:
    rooms = {path.relative_to(ENGINE).parts[0].removesuffix(".py") for path in ENGINE_FILES} - {"__init__"}
    assert rooms <= set().union(*LAYERS), "a new room needs its place in LAYERS"


def test_imports_point_down() -> None:
    complaints = (wrong_direction(importer, imported) for importer, imported in all_imports())
    nothing(complaint for complaint in complaints if complaint)


def test_no_import_cycles() -> None:
    known = set(ENGINE_IMPORTS)
    graph = {
        importer: {i.module for i in imports if i.relative and not i.types_only and i.module in known}
        for importer, imports in ENGINE_IMPORTS.items()
    }
    assert tuple(graphlib.TopologicalSorter(graph).static_order())


def test_the_engine_imports_itself_relatively() -> None:
    absolute = [
        i.where
        for _importer, i in all_imports()
        if not i.relative and i.top in {PACKAGE, "ansible_collections", "module_utils"}
    ]
    nothing(absolute)


def test_relative_imports_stay_inside_the_engine() -> None:
    nothing(i.where for _importer, i in all_imports() if i.relative and i.top != PACKAGE)


def test_relative_imports_name_something_that_exists() -> None:
    known = set(ENGINE_IMPORTS)
    nothing(f"{i.where}: {i.module}" for _importer, i in all_imports() if i.relative and i.module not in known)


def test_the_engine_knows_nothing_of_ansible() -> None:
    nothing(i.where for _importer, i in all_imports() if i.top.startswith("ansible"))


def test_third_party_packages_are_imported_in_drivers_only() -> None:
    foreign = [
        f"{i.where}: {i.module}"
        for importer, i in all_imports()
        if not i.relative and i.top not in sys.stdlib_module_names and importer != f"{PACKAGE}.drivers"
    ]
    nothing(foreign)


def test_no_dynamic_imports() -> None:
    """AnsiballZ ships what is imported by a statement, and nothing else."""
    nothing(i.where for _importer, i in all_imports() if i.top in DYNAMIC_IMPORTS)
    calls = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ENGINE_FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id == "__import__"
    ]
    nothing(calls)


def test_the_engine_holds_python_files_only() -> None:
    """AnsiballZ leaves data files behind."""
    others = [
        str(path.relative_to(ROOT))
        for path in ENGINE.rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    ]
    nothing(others)


def test_package_files_are_present_and_empty() -> None:
    """A package that imports its parts would make AnsiballZ ship all of them with every module."""
    folders = {folder for path in ENGINE_FILES for folder in path.parents if ENGINE in (folder, *folder.parents)}
    faults = [
        str(folder.relative_to(ROOT))
        for folder in folders
        if not (folder / "__init__.py").is_file() or (folder / "__init__.py").stat().st_size
    ]
    nothing(faults)


@pytest.mark.parametrize("files", [ENGINE_FILES, PLUGIN_FILES], ids=["engine", "plugins"])
def test_annotations_are_never_evaluated(files: list[Path]) -> None:
    """The first statement makes annotations strings, so that newer notation runs on Python 3.9."""
    faults = []
    for path in files:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        statements = [
            node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        ]
        if statements and "from __future__ import annotations" not in ast.unparse(statements[0]):
            faults.append(str(path.relative_to(ROOT)))
    nothing(faults)


def test_plugins_reach_the_engine_as_ansible_ships_it() -> None:
    """The package ``dbfleet`` is installed for the command and the tests; a managed host does not have it."""
    faults = [
        i.where
        for path in PLUGIN_FILES
        for i in imports_of(path.read_text(encoding="utf-8"), "plugins.kind.name", str(path.relative_to(ROOT)))
        if not i.relative and i.top == PACKAGE
    ]
    nothing(faults)


@pytest.mark.parametrize(
    ("files", "licence"),
    [(ENGINE_FILES, "BSD-2-Clause"), (PLUGIN_FILES, "GPL-3.0-or-later")],
    ids=["engine", "plugins"],
)
def test_licences_differ_between_engine_and_plugins(files: list[Path], licence: str) -> None:
    faults = [
        str(path.relative_to(ROOT))
        for path in files
        if path.stat().st_size and f"{LICENCE_TAG}: {licence}\n" not in path.read_text(encoding="utf-8")[:1000]
    ]
    nothing(faults)


def test_every_module_is_in_the_action_group() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    modules = {path.stem for path in PLUGINS.glob("modules/[!_]*.py")}
    assert set(runtime["action_groups"]["all"]) == modules


def test_all_versions_agree() -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    package = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert package is not None
    assert galaxy["version"] == package[1] == VERSION


@pytest.mark.parametrize(
    ("importer", "statement", "allowed"),
    [
        ("dbfleet.backup", "from .repository.manifest import parse_manifest", True),
        ("dbfleet.streams.file", "from ..repository import layout", False),
        ("dbfleet.errors", "from . import progress", False),
        ("dbfleet.postgresql.dump", "from ..mysql.quoting import identifier", False),
        ("dbfleet.mysql.dump", "def f():\n    from ..postgresql import quoting", False),
        ("dbfleet.postgresql.catalog.tables", "from ..session import Session", True),
        ("dbfleet.postgresql.catalog.tables", "from .. import dump", False),
        ("dbfleet.postgresql.archive.custom", "from ..restore import restore", False),
        ("dbfleet.postgresql.dump", "from ..cli.main import main", False),
    ],
)
def test_the_direction_rule_itself(importer: str, statement: str, allowed: bool) -> None:
    complaints = [wrong_direction(importer, i) for i in imports_of(statement, importer, "sample")]
    assert complaints
    assert all(complaint is None for complaint in complaints) is allowed
