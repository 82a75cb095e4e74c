# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules document is what they take."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbfleet.requests.options import argument_spec, argument_spec_of_wal

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"


def _documented(module: str) -> dict[str, dict[str, Any]]:
    """Every option of a module, its fragments joined; an option is documented once."""
    source = (PLUGINS / "modules" / f"{module}.py").read_text(encoding="utf-8")
    found = re.search(r'DOCUMENTATION = r"""(.*?)"""', source, re.DOTALL)
    assert found
    documentation = yaml.safe_load(found.group(1))
    options = dict(documentation.get("options", {}))
    for name in documentation["extends_documentation_fragment"]:
        # The attributes' variants, named after a further dot, hold no options.
        for option, text in _fragment(name.split(".")[2]).items():
            own = options.get(option, {})
            assert own.keys() <= {"description", "required"}, f"{option} is documented twice, in {name} too"
            # As Ansible has it, what a module says of an option goes before what its fragments say.
            options[option] = {**text, **own}
    return options


def _fragment(name: str) -> dict[str, dict[str, Any]]:
    spec = importlib.util.spec_from_file_location(name, PLUGINS / "doc_fragments" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fragment = module.ModuleDocFragment
    return dict(yaml.safe_load(fragment.DOCUMENTATION).get("options", {}))


@pytest.mark.parametrize(
    ("module", "job"),
    [
        ("native_backup", "backup"),
        ("native_restore", "restore"),
        ("backup_prune", "prune"),
        ("backup_copy", "copy"),
        ("backup_hold", "hold"),
        ("backup_account", "account"),
        ("backup_verify", "verify"),
        # Its states are jobs of their own.
        ("wal_pitr", ""),
    ],
)
def test_documentation_and_arguments_are_the_same(module: str, job: str) -> None:
    documented, taken = _documented(module), argument_spec(job) if job else argument_spec_of_wal()
    assert sorted(documented) == sorted(taken)
    for name, argument in taken.items():
        text = documented[name]
        assert text.get("type", "str") == argument["type"], name
        assert text.get("elements") == argument.get("elements"), name
        assert list(text.get("choices") or []) == list(argument.get("choices") or []), name
        assert list(text.get("aliases") or []) == list(argument.get("aliases") or []), name
        assert text.get("default") == argument.get("default"), name
        assert bool(text.get("required")) == bool(argument.get("required")), name
