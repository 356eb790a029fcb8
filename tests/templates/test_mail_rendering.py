"""The nine mails as rendered: what they must say, what they must never do, and what they refuse to go without."""

import re
from base64 import b64decode
from dataclasses import replace
from datetime import date
from email.mime.text import MIMEText

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.kinds import InstitutionType, Kind, Scheme
from core.mail import MailDataMissing, Recipient, WaitingTimes
from templates.page import Page

LEAD = "システムをご利用するには"
WITH_INSTITUTION = [kind for kind in Kind if kind is not Kind.CODE]
DECORATION = set("■【】・※━")
URL_TAIL = st.text(st.sampled_from("abcXYZ019-_=&?%/.~#;"), min_size=0, max_size=1971)


def closed(text: str) -> str:
    return "".join(text.split())


def with_data(context, **data):
    return replace(context, data=dict(context.data) | data)


@pytest.mark.parametrize(
    ("kind", "subject", "sender"),
    [
        (
            Kind.PRE_CHECK,
            "【厚生労働省G-MIS事務局】G-MISアカウント発行にかかる事前のご連絡",
            "G-MIS事務局",
        ),
        (
            Kind.GUIDE,
            "【厚生労働省G-MIS事務局】G-MISログインIDのお知らせ及びパスワード設定のご依頼",
            "G-MIS事務局",
        ),
        (
            Kind.EXISTING_USER_CONFIRM,
            "【厚生労働省G-MIS事務局】報告機関内でのG-MISご利用者の確認依頼",
            "G-MIS事務局",
        ),
        (
            Kind.CODE,
            "【厚生労働省G-MIS事務局】新規ユーザ登録申請 認証コードのお知らせ",
            "厚生労働省G-MIS事務局",
        ),
        (
            Kind.APPLICATION_COMPLETE,
            "【厚生労働省G-MIS事務局】ユーザ登録申請完了のお知らせ",
            "厚生労働省G-MIS事務局",
        ),
        (
            Kind.REMINDER,
            "【厚生労働省G-MIS事務局】令和8年度（2026年度）医療機能情報提供制度の定期報告のお願い",
            "G-MIS事務局",
        ),
    ],
)
def test_subjects_and_senders(catalog, kind, subject, sender):
    mail = catalog.render(catalog.sample(kind))
    assert (mail.subject, mail.sender_name) == (subject, sender)


@pytest.mark.parametrize("kind", Kind)
def test_text_and_html_say_the_same(catalog, kind):
    """Taking away from the text everything that the HTML says leaves nothing but decoration, and vice versa."""
    mail = catalog.render(catalog.sample(kind))
    text, said = closed(mail.text), [closed(run) for run in Page(mail.html).texts]
    only_in_html = {run for run in said if run not in text}
    rest = text
    for run in sorted(said, key=len, reverse=True):
        rest = rest.replace(run, "")
    assert set(rest.replace("厚生労働省G-MIS事務局です。", "").replace("です。", "")) <= DECORATION
    buttons = {"パスワードを設定する", "新しいパスワードを設定する"}
    assert only_in_html <= buttons | {closed(mail.subject.partition("】")[2])}


@pytest.mark.parametrize("kind", Kind)
def test_the_html_is_legible_without_its_styles(catalog, kind):
    """As readers show it that drop all styles, or all tags."""
    html = catalog.render(catalog.sample(kind)).html
    bare = re.sub(r"<style.*?</style>|<title.*?</title>", "", html, flags=re.DOTALL)
    names = re.findall(r'<th class="row-name"[^>]*>([^<]*)</th>\s*<td', bare)
    assert all(name.endswith("　") for name in names)
    assert 'class="rows" cellpadding="0"' not in bare
    painted = re.findall(r'bgcolor="#1d3a63"[^>]*><a [^>]*>(.*?)</a>', bare)
    assert all(re.fullmatch('<font color="#ffffff">[^<]+</font>', label) for label in painted)
    assert len(painted) == bare.count("bgcolor")


@pytest.mark.parametrize("kind", Kind)
def test_numerals_are_half_width(catalog, kind):
    mail = catalog.render(catalog.sample(kind))
    assert not re.search("[０-９]", mail.subject + mail.text + mail.html)


@pytest.mark.parametrize("kind", WITH_INSTITUTION)
def test_both_desks_are_named(catalog, kind):
    context = catalog.sample(kind)
    mail = catalog.render(context)
    for body in (mail.text, Page(mail.html).text):
        for desk in (context.prefecture_contact, context.secretariat):
            assert desk.name in body
            assert desk.phone in body
            assert desk.email in body


def test_a_code_names_the_secretariat_alone(catalog):
    desk = catalog.sample(Kind.GUIDE).prefecture_contact
    mail = catalog.render(replace(catalog.sample(Kind.CODE), prefecture_contact=desk))
    assert "050-3355-8230" in mail.text
    assert desk.phone not in mail.text + mail.html
    assert mail.text.startswith("ご担当者 様\n")


def test_a_code_stands_alone_on_its_line(catalog):
    mail = catalog.render(catalog.sample(Kind.CODE))
    assert "482913" in mail.text.split("\n")
    assert "482913" in Page(mail.html).texts


@given(tail=URL_TAIL)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_guides_url_stands_alone_whatever_its_length(catalog, tail):
    url = f"https://www.g-mis.mhlw.go.jp/{tail}a"
    mail = catalog.render(with_data(catalog.sample(Kind.GUIDE), setup_url=url))
    sent = MIMEText(mail.text, "plain", "utf-8").get_payload()
    lines = b64decode(sent).decode().split("\n")
    assert lines[lines.index(LEAD) + 1] == url
    assert lines.count(url) == 1
    page = Page(mail.html)
    assert page.texts[page.texts.index(LEAD) + 1] == url
    assert (url, url) in page.links
    assert (url, "パスワードを設定する") in page.links


@pytest.mark.parametrize("length", [*range(30, 120), 998, 999, 2000])
def test_the_reset_url_stands_alone(catalog, length):
    url = "https://www.g-mis.mhlw.go.jp/".ljust(length, "b")
    mail = catalog.render(with_data(catalog.sample(Kind.PASSWORD_RESET), reset_url=url))
    assert mail.text.split("\n").count(url) == 1
    assert (url, url) in Page(mail.html).links


@pytest.mark.parametrize(
    "words",
    [
        "h3510012345",
        "本メールは再送できません",
        "1回限り",
        "URLは皆様で共通です",
        "すべてをコピーし",
        "別のブラウザ",
        "「パスワードをお忘れですか？」",
        "https://www.med-login.mhlw.go.jp/",
        "info@g-mis.net",
        "令和8年12月8日（火）23時59分",
    ],
)
def test_the_guide_says(catalog, words):
    mail = catalog.render(catalog.sample(Kind.GUIDE))
    assert words in closed(mail.text)
    assert words in closed(Page(mail.html).text)


def test_a_guide_without_expiry_does_not_speak_of_one(catalog):
    mail = catalog.render(replace(catalog.sample(Kind.GUIDE), expires_text=None))
    assert "URLの有効期限は" not in mail.text + mail.html
    assert "None" not in mail.text + mail.html


def test_the_words_of_the_guide_are_found_once(catalog):
    mail = catalog.render(catalog.sample(Kind.GUIDE))
    assert mail.text.count(LEAD) == 1
    assert Page(mail.html).text.count(LEAD) == 1


@pytest.mark.parametrize("kind", Kind)
def test_hostile_values_are_shown_and_do_nothing(catalog, kind):
    hostile = "<script>alert(1)</script>{{ 7 * 7 }}{% raw %}&amp;\"'"
    sample = catalog.sample(kind)
    institution = sample.institution and replace(sample.institution, name=hostile, code=hostile)
    mail = catalog.render(
        replace(
            sample,
            institution=institution,
            recipient=Recipient("a@example.jp", hostile, hostile, hostile),
            data=dict.fromkeys(sample.data, hostile),
        ),
    )
    page = Page(mail.html)
    assert "script" not in page.tags
    assert "<script" not in mail.html
    assert "{{ 7 * 7 }}" in mail.text or not (sample.data or institution)
    assert page.text.count(hostile) == mail.text.count(hostile) > 0


def test_a_reason_keeps_its_lines_and_cannot_pose_as_the_mail(catalog):
    reason = "一、機関コードの誤り\n\n━━━━━━\n【お問い合わせ先】\r\n偽の窓口"
    mail = catalog.render(with_data(catalog.sample(Kind.REJECTION), reason=reason))
    assert "\n　一、機関コードの誤り\n\n　━━━━━━\n　【お問い合わせ先】\n　偽の窓口\n" in mail.text
    texts = Page(mail.html).texts
    start = texts.index("一、機関コードの誤り")
    assert texts[start : start + 4] == ["一、機関コードの誤り", "━━━━━━", "【お問い合わせ先】", "偽の窓口"]


@pytest.mark.parametrize("kind", WITH_INSTITUTION)
def test_long_names_stay_on_one_line(catalog, kind):
    name = "髙﨑" * 100
    sample = catalog.sample(kind)
    mail = catalog.render(
        replace(
            sample,
            institution=replace(sample.institution, name=name),
            recipient=replace(sample.recipient, department=name, family_name=name, given_name=name),
        ),
    )
    assert mail.text.split("\n")[:3] == [name, name, f"{name} {name} 様"]


def test_the_button_is_named_after_what_a_pharmacy_reports(catalog):
    sample = catalog.sample(Kind.EXISTING_USER_CONFIRM)
    pharmacy = replace(sample, institution=replace(sample.institution, type=InstitutionType.PHARMACY))
    assert "「医療機能情報提供制度」ボタン" in catalog.render(sample).text
    assert "「薬局機能情報提供制度」ボタン" in catalog.render(pharmacy).text


def test_waiting_times_are_the_prefectures_own(catalog):
    sample = catalog.sample(Kind.APPLICATION_COMPLETE)
    slow = replace(sample, waiting=WaitingTimes("1か月", "6週間"))
    assert "通常1～2週間程度" in catalog.render(sample).text
    for body in (catalog.render(slow).text, Page(catalog.render(slow).html).text):
        assert "通常1か月程度" in body
        assert "6週間以上" in body


@pytest.mark.parametrize("desk", ["都道府県窓口", "G-MIS事務局"])
def test_who_answers_for_late_mails_is_named(catalog, desk):
    mail = catalog.render(replace(catalog.sample(Kind.APPLICATION_COMPLETE), waiting=WaitingTimes(desk=desk)))
    for body in (mail.text, Page(mail.html).text):
        assert f"下記の{desk}までお問い合わせ" in body


class TestReminder:
    @pytest.fixture
    def remind(self, catalog):
        sample = catalog.sample(Kind.REMINDER)

        def render(**changes):
            mail = catalog.render(replace(sample, reminder=replace(sample.reminder, **changes)))
            return closed(mail.text), closed(Page(mail.html).text), mail.subject

        return render

    @pytest.mark.parametrize("body", [0, 1])
    def test_in_progress_is_told_of_the_button(self, remind, body):
        assert "画面右上の「報告」ボタンを押して、「報告済」に変えて" in remind(in_progress=True)[body]

    @pytest.mark.parametrize("body", [0, 1])
    def test_not_started_is_not(self, remind, body):
        words = remind(in_progress=False)[body]
        assert "未報告" in words
        assert "「報告中」" not in words

    @pytest.mark.parametrize("body", [0, 1])
    def test_without_data_of_last_year_it_is_a_new_report(self, remind, body):
        assert "「新規報告」を押して" in remind(last_year_data=False)[body]
        assert "「新規報告」を押して" not in remind(last_year_data=True)[body]

    @pytest.mark.parametrize("body", [0, 1])
    def test_where_nobody_knows_of_data_of_last_year_both_ways_are_told(self, remind, body):
        case = "昨年度の報告データがG-MIS上に存在しない場合、「新規報告」機能を使って「定期報告」を実施いただく"
        assert "「定期報告」を押して" in remind(last_year_data=True)[body]
        assert case in remind(last_year_data=True)[body]
        assert case not in remind(last_year_data=False)[body]

    @pytest.mark.parametrize("body", [0, 1])
    def test_without_data_of_last_year_nothing_is_said_of_what_was_reported_then(self, remind, body):
        words = remind(last_year_data=False)[body]
        assert "修正" not in words
        assert "③報告が必要な項目をすべて入力してください。" in words

    @pytest.mark.parametrize("scheme", Scheme)
    def test_scheme_year_and_deadline(self, remind, scheme):
        text, html, subject = remind(scheme=scheme, fiscal_year=2019, deadline=date(2020, 3, 31))
        assert f"令和元年度（2019年度）{scheme.label}" in subject
        for body in (text, html):
            assert f"「{scheme.label}」を選択" in body
            assert "令和2年3月31日（火）" in body
            assert "修正がない場合でも、報告が必要です" in body


class TestMissingData:
    @pytest.mark.parametrize(
        ("kind", "key"),
        [
            (Kind.CODE, "code"),
            (Kind.GUIDE, "login_id"),
            (Kind.GUIDE, "setup_url"),
            (Kind.EXISTING_USER_CONFIRM, "login_id"),
            (Kind.REJECTION, "reason"),
            (Kind.PASSWORD_RESET, "reset_url"),
            (Kind.ADDRESS_CHANGED, "login_id"),
        ],
    )
    @pytest.mark.parametrize("blank", [None, "", " \n　"])
    def test_data(self, catalog, kind, key, blank):
        sample = catalog.sample(kind)
        data = {name: value for name, value in sample.data.items() if name != key}
        data |= {} if blank is None else {key: blank}
        assert key in catalog.required_data(kind)
        self.assert_missing(catalog, replace(sample, data=data), f"data.{key}")

    @pytest.mark.parametrize("kind", WITH_INSTITUTION)
    def test_institution_and_desk(self, catalog, kind):
        sample = catalog.sample(kind)
        nameless = replace(sample.institution, name=" ")
        mute = replace(sample.prefecture_contact, phone="")
        self.assert_missing(catalog, replace(sample, institution=None), "institution")
        self.assert_missing(catalog, replace(sample, institution=nameless), "institution.name")
        self.assert_missing(catalog, replace(sample, prefecture_contact=None), "prefecture_contact")
        self.assert_missing(catalog, replace(sample, prefecture_contact=mute), "prefecture_contact.phone")

    @pytest.mark.parametrize("kind", Kind)
    def test_secretariat(self, catalog, kind):
        sample = catalog.sample(kind)
        mute = replace(sample.secretariat, email="")
        self.assert_missing(catalog, replace(sample, secretariat=mute), "secretariat.email")

    @pytest.mark.parametrize("kind", [Kind.CODE, Kind.PASSWORD_RESET])
    def test_expiry(self, catalog, kind):
        self.assert_missing(catalog, replace(catalog.sample(kind), expires_text=None), "expires_text")

    def test_reminder(self, catalog):
        self.assert_missing(catalog, replace(catalog.sample(Kind.REMINDER), reminder=None), "reminder")

    @staticmethod
    def assert_missing(catalog, context, field):
        with pytest.raises(MailDataMissing) as caught:
            catalog.render(context)
        assert (caught.value.kind, caught.value.field) == (context.kind, field)
