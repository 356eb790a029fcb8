"""What the OpenAPI document tells of jobs, kind by kind: it is what is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from config.settings import Settings
from core.kinds import ACCOUNT_ISSUE, Kind
from scheduler.job_parsing import InputRules, JobRefused, parse_job
from web.openapi.job import EXAMPLES
from web.openapi.requests import REQUESTS

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
RULES = InputRules(Settings().link_hosts, ())
JOB = REQUESTS["Job"]


def by_kind(examples: Any) -> Any:
    return pytest.mark.parametrize("example", examples, ids=lambda example: str(example["kind"]))


def then(kind: str) -> Any:
    """What the document tells of this kind alone."""
    [found] = [each["then"] for each in JOB["allOf"] if each["if"]["properties"]["kind"]["const"] == kind]
    return found


def of_data(kind: str) -> Any:
    data = then(kind)["properties"]["data"]
    return REQUESTS[data["$ref"].rpartition("/")[2]] if "$ref" in data else data["anyOf"][0]


def without(example: Mapping[str, Any], *path: str) -> Iterator[tuple[str, Any]]:
    """The job with one key less, below this path."""
    [*parents] = path
    below = example
    for each in parents:
        below = below.get(each, {})
    for key in below:
        fewer = {name: value for name, value in below.items() if name != key}
        yield key, ({**example, parents[0]: fewer} if parents else fewer)


def faults(raw: Any) -> set[tuple[str, str]]:
    try:
        parse_job(raw, NOW, RULES)
    except JobRefused as refused:
        return {(error.field, error.code) for error in refused.errors}
    return set()


def test_there_is_an_example_of_each_kind() -> None:
    assert {example["kind"] for example in EXAMPLES} == {ACCOUNT_ISSUE, *Kind}
    assert JOB["examples"] == list(EXAMPLES)


async def test_the_examples_are_accepted_in_their_order(sqlite_api: Any) -> None:
    await sqlite_api.publish(*EXAMPLES)


@by_kind(EXAMPLES)
def test_a_kind_needs_what_is_told_and_nothing_else(example: Any) -> None:
    needed = {*JOB["required"], *then(example["kind"])["required"]}
    for key, fewer in without(example):
        assert ((key, "required") in faults(fewer)) == (key in needed)
        if key not in needed:
            assert faults(fewer) == set()


@by_kind([example for example in EXAMPLES if example["kind"] != ACCOUNT_ISSUE])
def test_its_data_needs_what_is_told_and_has_no_other_key(example: Any) -> None:
    told = of_data(example["kind"])
    for key, fewer in without(example, "data"):
        assert faults(fewer) == ({(f"data.{key}", "required")} if key in told["required"] else set())
    for key in {each for kind in Kind for each in of_data(kind)["properties"]}:
        more = {**example, "data": {**example.get("data", {}), key: None}}
        assert ((f"data.{key}", "unknown-field") in faults(more)) == (key not in told["properties"])


@by_kind([example for example in EXAMPLES if "application" in example])
def test_the_account_is_needed_where_it_is_told(example: Any) -> None:
    told = then(example["kind"])["properties"].get("application", {})
    fewer = dict(without(example, "application"))["account"]
    assert (("application.account", "required") in faults(fewer)) == ("account" in told.get("required", ()))


@pytest.mark.parametrize(
    ("route", "account", "needed"),
    [
        ("self", "none", {"login_id", "setup_url"}),
        ("self", "unpermitted", {"login_id"}),
        ("self", "permitted", set()),
        ("prefecture", "none", {"login_id", "setup_url"}),
        ("prefecture", "unpermitted", set()),
        ("prefecture", "permitted", set()),
    ],
)
def test_the_data_of_an_account_issue_go_by_the_mails_that_follow(route: str, account: str, needed: set[str]) -> None:
    application = {**EXAMPLES[0]["application"], "route": route, "account": account}
    missing = faults({**EXAMPLES[0], "application": application, "data": {}})
    assert missing == {(f"data.{key}", "required") for key in needed}
