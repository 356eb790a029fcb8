"""The lint of `todoke templates check`: silent on what is shipped, and it finds every fault planted here."""

from pathlib import Path

import pytest

from core.kinds import Kind
from templates.catalog import Catalog, check_folder
from templates.sources import BUILT_IN


def plant(folder: Path, name: str, old: str, new: str) -> None:
    """Put a copy of a built-in file into `folder`, with `old` replaced."""
    source = (BUILT_IN / name).read_text()
    assert old in source
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source.replace(old, new))


def test_the_shipped_mails_have_no_fault(catalog):
    assert catalog.check() == []


@pytest.mark.parametrize("kind", Kind)
def test_what_a_kind_needs_is_what_its_jobs_give(catalog, kind):
    assert catalog.required_data(kind) == frozenset(catalog.sample(kind).data)


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("guide/subject.txt", "【厚生労働省G-MIS事務局】", "", "must begin with 【厚生労働省G-MIS事務局】"),
        ("code/subject.txt", "【厚生労働省G-MIS事務局】", "[厚生労働省G-MIS事務局]", "must begin with"),
        ("pre-check/subject.txt", "事前", "事後", "must be exactly"),
        ("existing-user-confirm/subject.txt", "依頼", "依頼。", "must be exactly"),
        ("guide/sender.txt", "G-MIS事務局", "厚生労働省G-MIS事務局", "must be G-MIS事務局"),
        ("code/sender.txt", "G-MIS事務局", "", "must end in G-MIS事務局"),
        ("guide/body.txt", "{{ data.setup_url }}", "こちら：{{ data.setup_url }}", "must stand alone"),
        ("guide/body.txt", "には\n{{ data.setup_url }}", "には\n\n{{ data.setup_url }}", "alone on the next"),
        ("guide/body.txt", "システムをご利用するには\n", "ご利用には\n", "alone on the next"),
        ("guide/body.html", "{{ parts.link(data.setup_url) }}", "", "shows the whole URL"),
        ("guide/body.html", "システムをご利用するには", "ご利用には", "alone on the next"),
        ("guide/body.txt", "{{ data.login_id }}", "初期パスワードは abcd1234 です。", "looks like a password"),
        ("guide/body.txt", "{{ data.login_id }}", "{{ data.password }}", "data.password, which jobs of this kind"),
        ("guide/body.txt", "{{ data.login_id }}", "{{ institution.nmae }}", "Institution.nmae"),
        ("guide/body.txt", "{{ data.login_id }}", "{{ instituton.name }}", "speaks of instituton"),
        ("guide/body.txt", "{{ data.login_id }}", "", "does not show h3510012345"),
        ("code/body.html", "{{ data.code }}", "", "does not show 482913"),
        ("code/body.txt", "{{ expires_text }}", "", "does not say what the other body says"),
        ("rejection/body.html", "{{ parts.link(facts.application_form_url) }}", "", "does not say what the other"),
        ("reminder/body.html", "「入力完了」でも", "「入力済」でも", "「入力済」"),
        ("reminder/body.txt", "{{ reminder.deadline }}", "2027-03-31", "western date"),
        ("reminder/body.txt", "{{ reminder.deadline }}", "2027年3月31日（水）", "western date"),
        ("reminder/body.txt", "{{ reminder.deadline }}", "令和9年3月31日", "without its weekday"),
        ("_shared/facts.json", "https://www.med-login.mhlw.go.jp/", "http://www.med-login.mhlw.go.jp/", "not https"),
        ("_shared/facts.json", "www.med-login.mhlw.go.jp", "www.med-login.example.jp", "unknown host"),
        (
            "_shared/signature.txt",
            "{{ prefecture_contact.phone }}",
            "",
            "does not show name, telephone and mail of 山口",
        ),
        ("_shared/signature.html", '{{ parts.desk(secretariat, "") }}', "", "does not show name, telephone and mail"),
        ("_shared/mail.html", '<html lang="ja">', "<html>", 'lang="ja"'),
        ("_shared/mail.html", "</h1>", '</h1><img src="https://www.mhlw.go.jp/x.png">', "uses img"),
        ("_shared/mail.html", "</h1>", "</h1><script>x()</script>", "uses script"),
        ("_shared/mail.html", '<h1 class="title">', '<h1 class="title" onclick="x()">', "script or a picture"),
        ("_shared/style.css", "margin: 0 0 20px;", "background: url(https://www.mhlw.go.jp/x);", "script or a picture"),
        ("pre-check/body.txt", "\nにあたり、", "にあたり、", "columns wide"),
        ("guide/body.html", "1回限り", "１回限り" + "<b></b>" * 200, "longer than 998 octets"),
        ("guide/sample.json", '"login_id"', '"login"', "cannot be rendered: a guide mail needs data.login_id"),
        ("guide/sample.json", '"setup_url"', '"url"', "cannot be rendered: a guide mail needs data.setup_url"),
        ("guide/body.txt", "{{ data.setup_url }}", "", "alone on the next"),
        ("guide/body.html", "data.login_id", "1 + '1'", "cannot be rendered"),
        ("guide/sample.json", "{", "", "sample.json: cannot be used"),
        ("_shared/sample.json", '"hospital"', '"hotel"', "sample.json: cannot be used"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, name, old, new, told):
    plant(tmp_path, name, old, new)
    problems = check_folder(tmp_path)
    assert any(told in str(problem) for problem in problems), problems


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("guid/body.txt", "guid: is no kind of mail"),
        ("guide/body.htm", "guide/body.htm: is not a file that templates use"),
        ("_shared/sig.txt", "_shared/sig.txt: is not a file that templates use"),
        ("prefectures/48/guide/body.txt", "prefectures/48: is no prefecture"),
        ("prefectures/35/guid/body.txt", "prefectures/35/guid: is no kind of mail"),
        ("prefectures/35/guide/body.htm", "prefectures/35/guide/body.htm: is not a file that templates use"),
        ("subject.txt", "subject.txt: lies beside the folders of the mails and has no effect"),
        ("prefectures/35/subject.txt", "prefectures/35/subject.txt: lies beside the folders of the mails"),
        ("prefectures/subject.txt", "prefectures/subject.txt: is no prefecture"),
    ],
)
def test_what_would_never_be_used_is_named(tmp_path, path, told):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text((BUILT_IN / "guide/body.txt").read_text())
    assert told in [str(problem)[: len(told)] for problem in check_folder(tmp_path)]


def test_other_files_beside_the_kinds_are_left_alone(tmp_path):
    (tmp_path / "README.md").write_text("の説明")
    (tmp_path / ".git").mkdir()
    assert check_folder(tmp_path) == []


def test_hosts_of_another_place_can_be_allowed(tmp_path):
    plant(tmp_path, "_shared/facts.json", "www.med-login.mhlw.go.jp", "login.staging.example.jp")
    hosts = frozenset({"www.g-mis.mhlw.go.jp", "www.med-login.mhlw.go.jp", "login.staging.example.jp"})
    assert Catalog.load(tmp_path).check(hosts) == []


def test_a_fault_is_told_once(tmp_path):
    plant(tmp_path, "reminder/subject.txt", "【厚生労働省G-MIS事務局】", "")
    assert [(problem.kind, problem.file) for problem in check_folder(tmp_path)] == [("reminder", "subject.txt")]
