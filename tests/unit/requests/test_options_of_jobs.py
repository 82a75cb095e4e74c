# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Only the tables that may hold options of a job are imported for it: none of them is forgotten."""

from __future__ import annotations

import pytest

from dbfleet.requests.options import every_option, options_of

JOBS = sorted({job for option in every_option() for job in option.jobs})


@pytest.mark.parametrize("job", JOBS)
def test_a_job_has_all_of_its_options(job: str) -> None:
    assert set(options_of(job)) == {option.name for option in every_option() if job in option.jobs}
