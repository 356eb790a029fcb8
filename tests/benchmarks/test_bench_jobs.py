"""What the benchmark publishes and sends: accepted by the rules, the same in every run, the same for the peer."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.instance import batches
from benchmarks.jobs import CLOCK, DATA, published
from benchmarks.mails import Mail, as_django_template, octets, short_templates
from benchmarks.problems import Failed
from config.values import read_clock
from core.kinds import Kind
from scheduler.job_parsing import InputRules, parse_job

RULES = InputRules(("www.g-mis.mhlw.go.jp",), ())


@pytest.mark.parametrize("kind", DATA)
def test_every_job_is_a_good_one_for_as_long_as_a_run_may_take(kind: str) -> None:
    start = read_clock(CLOCK).moment
    for job in published(kind, 20):
        parse_job(job, start, RULES)
        parse_job(job, start + timedelta(hours=8), RULES)


@pytest.mark.parametrize("kind", DATA)
def test_jobs_are_the_same_in_every_run_and_each_is_of_its_own(kind: str) -> None:
    jobs = list(published(kind, 50))
    assert jobs == list(published(kind, 50))
    assert len({job["job_id"] for job in jobs}) == 50
    assert len({job["recipient"]["email"] for job in jobs}) == 50
    codes = {job["institution"]["code"] for job in jobs if "institution" in job}
    assert len(codes) == (0 if kind == "code" else 50)


def test_the_clock_stands_in_business_hours() -> None:
    assert datetime.fromisoformat(CLOCK).hour == 9


def test_batches_hold_everything_once_and_in_order() -> None:
    jobs = list(published("code", 12))
    cut = list(batches(jobs, 5))
    assert [len(batch) for batch in cut] == [5, 5, 2]
    assert [job for batch in cut for job in batch] == jobs


@pytest.mark.parametrize("kind", [Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.REMINDER])
def test_the_peer_gets_our_text_with_its_own_placeholders(kind: Kind) -> None:
    content = as_django_template(Mail("mail", kind))
    found = set(re.findall(r"{{(\w+)}}", content.text))
    assert found == set(re.findall(r"{{(\w+)}}", content.html))
    assert "code" in found if kind is Kind.CODE else {"family_name", "institution_name"} <= found


def test_a_mail_that_takes_a_placeholder_apart_is_not_measured(tmp_path: Path) -> None:
    home = tmp_path / "templates" / "code"
    home.mkdir(parents=True)
    (home / "body.txt").write_text("no code in here\n", "utf-8")
    with pytest.raises(Failed, match="code"):
        as_django_template(Mail("mail", Kind.CODE, tmp_path))


def test_short_mails_weigh_about_three_thousand_octets(tmp_path: Path) -> None:
    mail = Mail("short", Kind.APPLICATION_COMPLETE, short_templates(tmp_path))
    assert {"family_name", "institution_name"} <= set(re.findall(r"{{(\w+)}}", as_django_template(mail).html))
    assert 2000 < octets(mail) < 3500 < octets(Mail("full", Kind.APPLICATION_COMPLETE))
