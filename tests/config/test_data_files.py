from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.closures import load_closures
from config.datafile import merged
from config.dataset import FILES, DataSet, load_data, strangers
from config.periods import MonthDay, load_periods
from config.prefectures import load_prefectures
from config.reminders import load_reminder_policy
from config.settings import Settings
from config.timing import Hours, load_hours
from core.errors import ConfigurationError
from core.kinds import Kind, Scheme
from core.mail import WaitingTimes
from helpdesk.desks import FIXED
from helpdesk.vocabulary import Symptom
from todoke.adapting import unused_files

CODES = [f"{number:02}" for number in range(1, 48)]
SYMPTOMS = [*Symptom]


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder


def load(folder: Path | None) -> DataSet:
    return load_data(folder, SYMPTOMS, FIXED)


def refusal(folder: Path, name: str, text: str) -> str:
    written(folder, name, text)
    with pytest.raises(ConfigurationError) as caught:
        load(folder)
    return str(caught.value)


def test_all_prefectures_are_named() -> None:
    prefectures = load(None).prefectures
    assert list(prefectures.by_code) == CODES
    assert (prefectures.name("01"), prefectures.name("13"), prefectures.name("47")) == ("北海道", "東京都", "沖縄県")
    assert len({prefectures.name(code) for code in CODES}) == 47


def test_shipped_contacts_are_those_of_the_sources_and_no_other() -> None:
    prefectures = load(None).prefectures
    assert prefectures.secretariat.name == "厚生労働省 G-MIS事務局"
    assert (prefectures.secretariat.phone, prefectures.secretariat.email) == (
        "050-3355-8230",
        "helpdesk@gmis.mhlw.go.jp",
    )
    yamaguchi = prefectures.contact("35")
    assert yamaguchi is not None
    assert yamaguchi.name == "山口県医療政策課"
    assert (yamaguchi.phone, yamaguchi.email) == ("083-933-2924", "a11700@pref.yamaguchi.lg.jp")
    assert [code for code in CODES if prefectures.contact(code)] == ["35"]
    assert prefectures.contact("48") is None


def test_usage_of_the_country_and_of_yamaguchi() -> None:
    prefectures = load(None).prefectures
    hokkaido, yamaguchi = prefectures["01"], prefectures["35"]
    assert (hokkaido.issue_weeks, hokkaido.trouble_day, hokkaido.address_change_weeks) == ((1, 2), 21, (1, 2))
    assert (hokkaido.desks, hokkaido.insurance_prefix, hokkaido.paper_accepted) == ({}, None, None)
    assert yamaguchi.insurance_prefix == "351"
    assert yamaguchi.desks == {
        Symptom.UNKNOWN_LOGIN_ID: "secretariat",
        Symptom.RESET_MAIL_NOT_ARRIVED: "secretariat",
    }


def test_an_overlay_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    written(
        tmp_path,
        "prefectures.toml",
        """
        [default]
        issue_weeks = [2, 4]
        [prefectures.35]
        issue_weeks = [3, 3]
        desks.unknown-login-id = "prefecture"
        [prefectures.33]
        paper_accepted = true
        notice = "岡山県からのお知らせ"
        contact = { name = "岡山県の窓口", phone = "000-000-0000", email = "desk@okayama.example" }
        """,
    )
    prefectures = load(tmp_path).prefectures
    assert prefectures["01"].issue_weeks == (2, 4)
    assert prefectures["35"].issue_weeks == (3, 3)
    assert prefectures["35"].contact == load(None).prefectures["35"].contact
    assert prefectures["35"].desks == {"unknown-login-id": "prefecture", "reset-mail-not-arrived": "secretariat"}
    assert (prefectures["33"].paper_accepted, prefectures["33"].notice) == (True, "岡山県からのお知らせ")
    assert prefectures["33"].name == "岡山県"
    assert [code for code in CODES if prefectures.contact(code)] == ["33", "35"]


def test_a_fiscal_year_may_have_desks_of_its_own(tmp_path: Path) -> None:
    text = """
    [prefectures.35]
    desks.unknown-login-id = "prefecture"
    years.2026.desks = { not-arrived = "secretariat", unknown-login-id = "secretariat" }
    """
    yamaguchi = load(written(tmp_path, "prefectures.toml", text)).prefectures["35"]
    usual = {"unknown-login-id": "prefecture", "reset-mail-not-arrived": "secretariat"}
    assert yamaguchi.desks_in(2025) == yamaguchi.desks_in(2027) == usual
    assert yamaguchi.desks_in(2026) == usual | {"not-arrived": "secretariat", "unknown-login-id": "secretariat"}


@pytest.mark.parametrize("symptom", FIXED)
def test_why_a_desk_cannot_be_chosen_is_told(tmp_path: Path, symptom: str) -> None:
    told = refusal(tmp_path, "prefectures.toml", f"prefectures.35.desks.{symptom} = 'secretariat'")
    assert told.endswith(f"prefectures.35.desks.{symptom}: has no effect: {FIXED[symptom]}")


def test_waiting_times_are_said_in_words(tmp_path: Path) -> None:
    written(tmp_path, "prefectures.toml", "[prefectures.23]\nissue_weeks = [4, 4]\ntrouble_weeks = 5\n")
    prefectures = load(tmp_path).prefectures
    assert prefectures.waiting_times("23", 2026) == WaitingTimes("4週間", "5週間", "都道府県窓口")
    assert prefectures.waiting_times("35", 2026) == WaitingTimes("1～2週間", "3週間", "都道府県窓口")


def test_who_answers_for_late_mails_is_said_by_the_fiscal_year(tmp_path: Path) -> None:
    text = '[prefectures.35]\nyears.2026.desks = { not-arrived = "secretariat" }\n'
    text += '[prefectures.13]\ndesks.not-arrived = "secretariat"\n'
    written(tmp_path, "prefectures.toml", text)
    prefectures = load(tmp_path).prefectures
    asked = {(code, year): prefectures.waiting_times(code, year).desk for code in ("13", "35") for year in (2025, 2026)}
    assert set(asked.items()) == {
        (("13", 2025), "G-MIS事務局"),
        (("13", 2026), "G-MIS事務局"),
        (("35", 2025), "都道府県窓口"),
        (("35", 2026), "G-MIS事務局"),
    }


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("prefectures.35.contact.phone = 7", "prefectures.35.contact.phone"),
        ("prefectures.35.contact.phone = ' '", "prefectures.35.contact"),
        ("prefectures.35.contact.email = 'nobody'", "prefectures.35.contact"),
        ("prefectures.01.contact = { name = 'x', email = 'a@b.example' }", "prefectures.01.contact.phone"),
        ("prefectures.48.name = 'x'", "prefectures.48"),
        ("prefectures.1.name = 'x'", "prefectures.1"),
        ("prefectures.35 = 'x'", "prefectures.35"),
        ("prefectures = 'x'", "prefectures"),
        ("prefectures.35.trouble_weks = 3", "prefectures.35.trouble_weks"),
        ("prefectures.35.issue_weeks = [2, 1]", "prefectures.35.issue_weeks"),
        ("prefectures.35.desks.not-arived = 'prefecture'", "prefectures.35.desks.not-arived"),
        ("prefectures.35.desks.not-arrived = 'nobody'", "prefectures.35.desks.not-arrived"),
        ("prefectures.35.desks.person-left = 'secretariat'", "prefectures.35.desks.person-left"),
        ("default.desks.lost-guide = 'secretariat'", "prefectures.01.desks.lost-guide"),
        ("prefectures.35.years.2026.desks.not-arived = 'prefecture'", "prefectures.35.years.2026.desks.not-arived"),
        ("prefectures.35.years.2026.desks.cannot-view = 'prefecture'", "prefectures.35.years.2026.desks.cannot-view"),
        ("prefectures.35.years.2026.desk.not-arrived = 'prefecture'", "prefectures.35.years.2026.desk"),
        ("prefectures.35.years.26.desks.not-arrived = 'prefecture'", "prefectures.35.years.26"),
        ("default.years.2026.desks.not-arrived = 'prefecture'", "default.years"),
        ("default.trouble_weeks = 0", "default.trouble_weeks"),
        ("default = 3", "default"),
        ("secretariat.email = ''", "secretariat"),
        ("prefecture.35.name = 'x'", "prefecture"),
    ],
)
def test_a_fault_in_prefectures_is_named_by_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    message = refusal(tmp_path, "prefectures.toml", text)
    assert message.startswith(f"{tmp_path}/prefectures.toml: {key}: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("periods.toml", "[medical-function]\nstart = '13-01'", "medical-function.start"),
        ("periods.toml", "[medical-function]\nstrat = '01-01'", "medical-function.strat"),
        ("periods.toml", "[medical-functions]\nstart = '01-01'", "medical-functions"),
        ("periods.toml", "[medical-function.prefectures.48]\nstart = '01-01'", "medical-function.prefectures.48"),
        ("periods.toml", "[medical-function.years.26]\nstart = '01-01'", "medical-function.years.26"),
        ("periods.toml", "start = '01-01'", "values outside a table"),
        ("reminders.toml", "[primary-care]\nsteps = ['L+1']", "primary-care.steps.0"),
        ("reminders.toml", "[primary-care]\nsteps = 'L'", "primary-care.steps"),
        ("closures.toml", "[closed]\n2027-02-30 = 'x'", "closed.2027-02-30"),
        ("closures.toml", "[closed]\n20270201 = 'x'", "closed.20270201"),
        ("closures.toml", "[closed]\n2027-02-01 = ''", "closed.2027-02-01"),
        ("closures.toml", "[prefectures.99.closed]\n2027-02-01 = 'x'", "prefectures.99"),
        ("closures.toml", "[colsed]\n2027-02-01 = 'x'", "colsed"),
        ("timing.toml", "[kinds]\nguides = 'immediate'", "kinds.guides"),
        ("timing.toml", "[business-hours]\nstart = '9'", "business-hours.start"),
        ("timing.toml", "[business-hours]\nstart = '18:00'", "business-hours"),
    ],
)
def test_a_fault_in_the_other_files_is_named_too(tmp_path: Path, name: str, text: str, key: str) -> None:
    assert refusal(tmp_path, name, text).startswith(f"{tmp_path}/{name}: {key}: ")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("octets", [b"a = \n", b"\xff\n"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, octets: bytes) -> None:
    (tmp_path / name).write_bytes(octets)
    with pytest.raises(ConfigurationError, match=name):
        load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "gone.toml")
    with pytest.raises(ConfigurationError, match=f"{name}: is a link that leads nowhere"):
        load(tmp_path)


def test_what_has_no_effect_beside_the_data_files_is_told(tmp_path: Path) -> None:
    for name in ("template", "templates", "procedure", "procedures", "certs", "data", ".git"):
        (tmp_path / name).mkdir()
    for name in ("notes.txt", "README.md", "prefectures.toml.bak", "closures.toml", "certs/relay.pem"):
        (tmp_path / name).touch()
    assert strangers(tmp_path, [tmp_path / "certs" / "relay.pem", tmp_path / "data"]) == [
        f"{tmp_path}/notes.txt has no effect",
        f"{tmp_path}/prefectures.toml.bak has no effect; did you mean prefectures.toml?",
        f"{tmp_path}/procedure has no effect; did you mean procedures?",
        f"{tmp_path}/template has no effect; did you mean templates?",
    ]
    assert strangers(tmp_path, [tmp_path]) == []
    assert strangers(None, [tmp_path]) == []


def test_what_settings_name_may_lie_beside_the_data_files(tmp_path: Path) -> None:
    for name in ("data", "template"):
        (tmp_path / name).mkdir()
    (tmp_path / "relay.pem").touch()
    settings = Settings(config_dir=tmp_path, data_dir=tmp_path / "data", smtp_ca_file=tmp_path / "relay.pem")
    assert unused_files(settings) == [f"{tmp_path}/template has no effect; did you mean templates?"]


def test_a_misspelt_file_is_refused_because_it_would_have_no_effect(tmp_path: Path) -> None:
    assert "did you mean closures.toml?" in refusal(tmp_path, "closure.toml", "")


def test_every_overlay_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "timing.toml").write_text("[kinds]\nreminder = 'immediate'\n", "utf-8-sig")
    assert load(tmp_path).hours[Kind.REMINDER] is None


def test_hours_of_the_contract() -> None:
    hours = load_hours()
    at_once = {Kind.CODE, Kind.APPLICATION_COMPLETE, Kind.PASSWORD_RESET}
    assert {kind for kind in Kind if hours[kind] is None} == at_once
    assert {hours[kind] for kind in set(Kind) - at_once} == {Hours(time(9), time(17))}


def test_a_kind_may_have_hours_of_its_own(tmp_path: Path) -> None:
    text = "[business-hours]\nend = '18:00'\n[kinds]\nreminder = { start = '10:00', end = '16:30' }\n"
    hours = load_hours(written(tmp_path, "timing.toml", text))
    assert hours[Kind.REMINDER] == Hours(time(10), time(16, 30))
    assert hours[Kind.GUIDE] == Hours(time(9), time(18))


@pytest.mark.parametrize("scheme", [*Scheme])
def test_the_period_of_the_country(scheme: Scheme) -> None:
    assert load_periods().bounds(scheme, "35", 2026) == (date(2027, 1, 5), date(2027, 3, 31))
    assert load_periods().bounds(scheme, None, 2023) == (date(2024, 1, 5), date(2024, 3, 31))


def test_the_nearest_word_on_a_period_counts(tmp_path: Path) -> None:
    text = """
    [medical-function.years.2026]
    start = "01-12"
    end = "03-15"
    [medical-function.prefectures.36]
    end = "02-10"
    [medical-function.prefectures.36.years.2026]
    end = "02-29"
    """
    periods = load_periods(written(tmp_path, "periods.toml", text))
    medical = Scheme.MEDICAL_FUNCTION
    assert periods.bounds(medical, "36", 2026) == (date(2027, 1, 12), date(2027, 2, 28))
    assert periods.bounds(medical, "36", 2025) == (date(2026, 1, 5), date(2026, 2, 10))
    assert periods.bounds(medical, "35", 2026) == (date(2027, 1, 12), date(2027, 3, 15))
    assert periods.bounds(Scheme.PRIMARY_CARE, "36", 2026) == (date(2027, 1, 5), date(2027, 3, 31))


@pytest.mark.parametrize(
    "text",
    [
        "[medical-function.prefectures.02.years.2030]\nstart = '03-31'\nend = '03-30'",
        "[medical-function.prefectures.01.years.2030]\nend = '12-31'",
        "[primary-care]\nstart = '04-01'\nend = '04-01'\n[primary-care.years.2030]\nstart = '04-02'",
    ],
)
def test_a_period_that_ends_before_it_starts_is_refused(tmp_path: Path, text: str) -> None:
    assert "before it starts" in refusal(tmp_path, "periods.toml", text)


@given(st.integers(1950, 2098), st.dates(date(2024, 1, 1), date(2024, 12, 31)))
def test_a_month_day_lies_in_its_fiscal_year(year: int, day: date) -> None:
    found = MonthDay(day.month, day.day).in_fiscal_year(year)
    assert date(year, 4, 1) <= found < date(year + 1, 4, 1)
    assert found.month == day.month
    assert found.day == day.day or (day.month, day.day, found.day) == (2, 29, 28)


def test_reminder_steps_of_the_contract() -> None:
    steps = load_reminder_policy().steps(Scheme.PHARMACY_FUNCTION, "35", 2026)
    assert [(step.key, step.from_start, step.business_days) for step in steps] == [
        ("start", True, 0),
        ("L-10", False, 10),
        ("L-3", False, 3),
        ("L", False, 0),
    ]


def test_a_prefecture_may_remind_by_itself(tmp_path: Path) -> None:
    text = "[medical-function.prefectures.01]\nsteps = []\nyears.2030.steps = ['start+5']"
    policy = load_reminder_policy(written(tmp_path, "reminders.toml", text))
    assert policy.steps(Scheme.MEDICAL_FUNCTION, "01", 2026) == ()
    assert [step.key for step in policy.steps(Scheme.MEDICAL_FUNCTION, "01", 2030)] == ["start+5"]
    assert len(policy.steps(Scheme.MEDICAL_FUNCTION, "02", 2030)) == 4


def test_closures_and_openings(tmp_path: Path) -> None:
    text = "[closed]\n2027-06-10 = '特別法の休日'\n[prefectures.35.open]\n2027-06-10 = '臨時開庁日'\n"
    closures = load_closures(written(tmp_path, "closures.toml", text))
    assert closures.closed == {date(2027, 6, 10): "特別法の休日"}
    assert closures.prefectures["35"].open == {date(2027, 6, 10): "臨時開庁日"}
    assert load_closures().closed == load_closures().open == load_closures().prefectures == {}


@pytest.mark.parametrize("place", ["", "prefectures.35."])
def test_a_day_is_not_both_closed_and_open(tmp_path: Path, place: str) -> None:
    text = f"[{place}closed]\n2027-06-10 = 'x'\n[{place}open]\n2027-06-10 = 'y'\n"
    assert "2027-06-10 is both closed and open" in refusal(tmp_path, "closures.toml", text)


def test_symptoms_are_those_that_the_caller_knows() -> None:
    with pytest.raises(ConfigurationError, match=r"prefectures\.35\.desks\.reset-mail-not-arrived"):
        load_prefectures(None, ["unknown-login-id"])


_tables = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(_tables, _tables)
def test_merging_loses_nothing_and_the_upper_wins(under: dict[str, object], over: dict[str, object]) -> None:
    result = merged(under, over)
    assert result.keys() == under.keys() | over.keys()
    for key, value in over.items():
        assert isinstance(value, dict) or result[key] == value
    assert merged(under, {}) == under
    assert merged(result, over) == result
