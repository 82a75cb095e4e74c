# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause
"""List the packages of the engine under the name ``dbfleet``; everything else is in pyproject.toml.

setuptools' declarative discovery cannot rename the root of what it finds, and a list written by hand would be
forgotten: a sub-package missing from it would be missing from the wheel.
"""

from __future__ import annotations

from setuptools import find_packages, setup

ENGINE = "plugins/module_utils"

setup(packages=["dbfleet", *(f"dbfleet.{name}" for name in find_packages(ENGINE))])
