#!/usr/bin/env bash
# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Create or refresh the development environment: make_venv.sh FOLDER
# An existing folder is kept and brought up to date, unless its Python no longer runs.

set -euo pipefail

venv=$1
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    python=$(tools/find_python.sh)
    echo "Creating $venv with $python"
    rm -rf -- "$venv"
    "$python" -m venv "$venv"
fi

requirements=()
for file in requirements/*.txt; do
    requirements+=(--requirement "$file")
done
echo "Installing the engine, the drivers and the tools into $venv"
# setuptools warns of every editable installation as such.
PYTHONWARNINGS='ignore:Editable installation' \
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable . "${requirements[@]}"
