# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module that installs the command documents is what it takes, and the role passes it on."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

from dbfleet.installation.locked import COMPONENTS
from tests.unit.requests.test_module_documentation import _documented

ROOT = Path(__file__).resolve().parents[3]


def taken() -> dict[str, dict[str, Any]]:
    """The argument spec of the module, which only Ansible can import."""
    tree = ast.parse((ROOT / "plugins" / "modules" / "backup_engine.py").read_text(encoding="utf-8"))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "argument_spec"]
    names: dict[str, Any] = {"COMPONENTS": COMPONENTS}
    exec(compile(ast.Module([function], []), "argument_spec", "exec"), names)
    return dict(names["argument_spec"]())


def role(name: str, file: str) -> Any:
    return yaml.safe_load((ROOT / "roles" / name / file).read_text(encoding="utf-8"))


def test_documentation_and_arguments_are_the_same() -> None:
    documented, spec = _documented("backup_engine"), taken()
    assert sorted(documented) == sorted(spec)
    for name, argument in spec.items():
        for field in ("type", "elements", "default", "choices"):
            assert documented[name].get(field) == argument.get(field), (name, field)


def test_the_role_knows_every_component() -> None:
    options = role("install", "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    offered = [*options["install_engines"]["choices"], *options["install_extras"]["choices"]]
    assert sorted(offered) == sorted(COMPONENTS)
    for family in ("Debian", "RedHat", "Suse"):
        known = role("install", f"vars/{family}.yml")["install_family_packages"]["distribution"]
        assert set(known) - {"common"} <= set(COMPONENTS)


def test_the_roles_defaults_are_those_that_are_documented() -> None:
    for name in ("install", "account"):
        options = role(name, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
        defaults = role(name, "defaults/main.yml")
        assert set(defaults) == {option for option, text in options.items() if not text.get("required")}
        for option, value in defaults.items():
            assert options[option]["default"] == value, option
