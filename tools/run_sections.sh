#!/usr/bin/env bash
# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Make each TARGET under a heading, stop at the first that fails, and always report how long each took:
# run_sections.sh TARGET…

set -euo pipefail

report=()
outcome=passed

for target in "$@"; do
    printf '\n=== make %s %s\n' "$target" "$(printf '=%.0s' {1..60})"
    started=$SECONDS
    code=0
    "${MAKE:-make}" --no-print-directory "$target" || code=$?
    took=$((SECONDS - started))
    if ((code)); then
        report+=("$(printf '  %-16s %5d s  FAILED' "$target" "$took")")
        outcome="FAILED in make $target"
        break
    fi
    report+=("$(printf '  %-16s %5d s  passed' "$target" "$took")")
done

printf '\n=== summary\n'
printf '%s\n' "${report[@]}"
printf '%s after %d s\n' "$outcome" "$SECONDS"
[[ $outcome == passed ]]
