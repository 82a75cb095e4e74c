# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules document of what they return."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

MODULES = Path(__file__).resolve().parents[2] / "plugins" / "modules"
# Of every result.
ANSIBLE = {"changed", "diff", "failed", "warnings"}


@functools.cache
def documented(module: str) -> Mapping[str, Any]:
    """The ``RETURN`` of one of the collection's modules."""
    source = (MODULES / f"{module}.py").read_text(encoding="utf-8")
    found = re.search(r'^RETURN = r"""\n(.*?)^"""', source, re.DOTALL | re.MULTILINE)
    assert found, module
    loaded = yaml.safe_load(found[1])
    assert isinstance(loaded, dict)
    return loaded


def undocumented_values(module: str, result: Mapping[str, Any]) -> list[str]:
    """The places in a result of a module that its documentation does not have."""
    own = {name: value for name, value in result.items() if name not in ANSIBLE}
    return sorted(set(_unknown(own, documented(module), module)))


def _unknown(value: Any, known: Mapping[str, Any], place: str) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, dict):
            continue
        for name, inner in one.items():
            if name not in known:
                yield f"{place}.{name}"
            elif known[name].get("contains"):
                yield from _unknown(inner, known[name]["contains"], f"{place}.{name}")
