"""RFC 3339 in and out, always with an offset."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.jst import parse_date, parse_rfc3339, rfc3339, to_tokyo, tokyo_date

INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))


@given(INSTANTS)
def test_out_and_in_again(moment: datetime) -> None:
    text = rfc3339(moment)
    assert text is not None
    assert text.endswith("+09:00")
    assert parse_rfc3339(text) == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T09:00:00",
        "2026-11-24 09:00:00+09:00",
        "2026-11-24",
        "2026-W48-2T09:00:00Z",
        "2026-11-24T09:00+09:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "２０２６-11-24T09:00:00Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T09:00:00+25:00",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "",
    ],
)
def test_what_is_not_rfc3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_rfc3339(text)


@given(st.text(max_size=40))
def test_nothing_but_a_value_error_comes_out(text: str) -> None:
    for parse in (parse_rfc3339, parse_date):
        try:
            parse(text)
        except ValueError:
            continue


def test_a_utc_evening_is_the_next_day_in_tokyo() -> None:
    assert tokyo_date(datetime(2026, 9, 20, 23, 30, tzinfo=UTC)).isoformat() == "2026-09-21"


def test_a_moment_without_offset_has_no_place() -> None:
    with pytest.raises(ValueError, match="offset"):
        to_tokyo(datetime(2026, 1, 1))


def test_none_stays_none() -> None:
    assert rfc3339(None) is None
