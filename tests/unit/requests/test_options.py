# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from dbfleet.requests.option import EVERY, WORLDS
from dbfleet.requests.options import argument_spec, every_option, options_of

JOBS = EVERY


@pytest.mark.parametrize("job", JOBS)
def test_an_option_is_there_once_in_a_job(job: str) -> None:
    names = [option.name for option in every_option() if job in option.jobs]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("job", JOBS)
def test_a_flag_is_there_once_in_a_job(job: str) -> None:
    flags = [flag for option in options_of(job).values() for flag in option.flags]
    assert len(flags) == len(set(flags))


def test_a_job_has_all_options_that_name_it() -> None:
    for job in {job for option in every_option() for job in option.jobs}:
        assert list(options_of(job).values()) == [option for option in every_option() if job in option.jobs]


S3 = ["s3_access_key", "s3_secret_key", "s3_session_token"]


def test_choices_are_known_for_every_world_of_an_option() -> None:
    for option in every_option():
        assert not option.choices or set(option.choices) == set(option.worlds or ("",))


def test_secrets_have_no_flag_and_no_default() -> None:
    secrets = [option for option in every_option() if option.secret]
    assert [option.name for option in secrets] == ["login_password", "password", *S3, "identity", "other_password"]
    assert all(not option.flags and option.default is None for option in secrets)


def test_argument_spec_marks_the_secret_and_nothing_else() -> None:
    for job, secrets in (("backup", ["login_password", *S3]), ("restore", ["login_password", *S3, "identity"])):
        spec = argument_spec(job)
        assert [name for name, argument in spec.items() if argument.get("no_log")] == secrets
        assert spec["passfile"]["no_log"] is False


def test_argument_spec_of_info_talks_to_no_server() -> None:
    access = {"identity", "identity_file", "verify_key", *S3}
    assert set(argument_spec("info")) == {"repository", "source", "cluster", "database", "backup", "contents"} | access


def test_an_option_of_one_world_has_no_default() -> None:
    # A default would look as if the user had given the option to the other world.
    for option in every_option():
        assert option.default is None or option.worlds in (WORLDS, ())
