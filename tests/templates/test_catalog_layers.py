"""An operator's folder over the built-in mails, a prefecture's over both, and the digest of it all."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.kinds import Kind
from templates.catalog import Catalog, CatalogUnusable, check_folder
from templates.sources import BUILT_IN


def put(folder: Path, name: str, text: str, encoding: str = "utf-8") -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding)


def in_prefecture(context, code):
    return replace(context, institution=replace(context.institution, prefecture=code))


def test_a_folder_replaces_single_files(catalog, tmp_path):
    put(tmp_path, "rejection/subject.txt", "【厚生労働省G-MIS事務局】申請の結果\n")
    changed = Catalog.load(tmp_path)
    sample = catalog.sample(Kind.REJECTION)
    assert changed.render(sample).subject == "【厚生労働省G-MIS事務局】申請の結果"
    assert changed.render(sample).text == catalog.render(sample).text
    assert changed.render(catalog.sample(Kind.GUIDE)) == catalog.render(catalog.sample(Kind.GUIDE))
    assert changed.check() == []


def test_a_shared_part_changes_every_mail(catalog, tmp_path):
    put(tmp_path, "_shared/notice.txt", "\n年末年始は休業します。\n")
    put(tmp_path, "_shared/notice.html", "<p>年末年始は休業します。</p>")
    changed = Catalog.load(tmp_path)
    for kind in Kind:
        mail = changed.render(catalog.sample(kind))
        assert "年末年始は休業します。" in mail.text
        assert "年末年始は休業します。" in mail.html
    assert changed.check() == []


def test_mails_name_the_address_that_they_come_from(catalog, tmp_path):
    put(tmp_path, "prefectures/13/_shared/notice.txt", "都内の機関へのお知らせ\n")
    elsewhere = Catalog.load(tmp_path, "tsuchi@example.jp")
    named = 0
    for kind in Kind:
        sample = catalog.sample(kind)
        before, *after = (catalog.render(sample), elsewhere.render(sample))
        assert [mail.text for mail in after] == [before.text.replace("info@g-mis.net", "tsuchi@example.jp")]
        assert [mail.html for mail in after] == [before.html.replace("info@g-mis.net", "tsuchi@example.jp")]
        named += "tsuchi@example.jp" in after[0].text
    assert named >= 2
    assert "tsuchi@example.jp" in elsewhere.render(in_prefecture(catalog.sample(Kind.PRE_CHECK), "13")).text
    assert elsewhere.check() == check_folder(tmp_path, sender_address="tsuchi@example.jp") == catalog.check()


def test_the_usual_address_changes_nothing_and_another_one_the_version(catalog, tmp_path):
    assert Catalog.load(None, "info@g-mis.net").version == catalog.version
    assert Catalog.load(None, "tsuchi@example.jp").version != catalog.version


def test_a_prefecture_has_its_own_words(catalog, tmp_path):
    put(tmp_path, "prefectures/13/_shared/notice.txt", "都内の機関へのお知らせ\n")
    changed = Catalog.load(tmp_path)
    sample = catalog.sample(Kind.GUIDE)
    assert "都内の機関へのお知らせ" in changed.render(in_prefecture(sample, "13")).text
    assert changed.render(sample) == catalog.render(sample)
    assert changed.render(catalog.sample(Kind.CODE)) == catalog.render(catalog.sample(Kind.CODE))


def test_faults_of_a_prefecture_are_named_as_such(tmp_path):
    put(tmp_path, "prefectures/13/code/subject.txt", "認証コード")
    assert {problem.kind for problem in check_folder(tmp_path)} == {"prefectures/13/code"}


def test_files_of_windows_are_read(catalog, tmp_path):
    for name in ("guide/body.txt", "guide/body.html", "guide/sender.txt", "guide/sample.json"):
        put(tmp_path, name, (BUILT_IN / name).read_text().replace("\n", "\r\n"), "utf-8-sig")
    sample = catalog.sample(Kind.GUIDE)
    assert Catalog.load(tmp_path).render(sample) == catalog.render(sample)


def test_it_loads_from_any_folder(catalog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Catalog.load().version == catalog.version


def test_the_version_follows_every_file(catalog, tmp_path):
    assert Catalog.load(tmp_path).version == catalog.version
    versions = {catalog.version}
    for name in ("guide/body.txt", "_shared/style.css", "code/sender.txt", "prefectures/13/guide/body.txt"):
        put(tmp_path, name, (BUILT_IN / name.removeprefix("prefectures/13/")).read_text() + "\n")
        versions.add(Catalog.load(tmp_path).version)
    assert len(versions) == 5


def test_the_same_bytes_elsewhere_are_the_same_version(tmp_path):
    for home in ("a", "b"):
        put(tmp_path / home, "guide/subject.txt", "新しい件名\n")
    assert Catalog.load(tmp_path / "a").version == Catalog.load(tmp_path / "b").version


@pytest.mark.parametrize(
    ("name", "text", "encoding", "told"),
    [
        ("guide/body.txt", "{% extends '_shared/mail.txt' %}\n{% block body %}", "utf-8", "guide/body.txt: line 2"),
        ("guide/body.txt", "{% include '_shared/nowhere.txt' %}", "utf-8", "_shared/nowhere.txt, which is not there"),
        ("guide/body.txt", "{% include 'guide/body.txt' %}", "utf-8", "guide/body.txt: line 1: includes itself"),
        ("guide/body.txt", "{{ to | shout }}", "utf-8", "guide/body.txt: line 1: No filter named 'shout'"),
        ("_shared/notice.txt", "\n{{ to | shout }}", "utf-8", "_shared/notice.txt: line 2: No filter"),
        ("guide/body.html", "<p>{{ to }</p>", "utf-8", "guide/body.html: line 1"),
        ("guide/body.html", "<table>{{ to }}<tr><td></td></tr></table>", "utf-8", "write every tag out"),
        ("guide/body.html", "<table><tr><td>x</td></tr></table>", "utf-8", "write every tag out"),
        ("guide/body.html", "<p {% if to %}class='x'{% endif %}>x</p>", "utf-8", "write every tag out"),
        ("guide/subject.txt", "件名", "cp932", "guide/subject.txt: is not UTF-8"),
        ("guide/sender.txt", "事務局", "cp932", "guide/sender.txt: is not UTF-8"),
        ("_shared/signature.txt", "{% if %}", "utf-8", "_shared/signature.txt: line 1"),
        ("_shared/facts.json", "{", "utf-8", "_shared"),
    ],
)
def test_what_cannot_be_compiled_is_named(tmp_path, name, text, encoding, told):
    put(tmp_path, name, text, encoding)
    with pytest.raises(ConfigurationError) as caught:
        Catalog.load(tmp_path)
    assert told in str(caught.value)
    assert any(told in str(problem) for problem in check_folder(tmp_path))


def test_every_fault_is_named_and_each_once(tmp_path):
    put(tmp_path, "_shared/signature.txt", "{% if %}")
    put(tmp_path, "code/body.html", "{{ }}")
    with pytest.raises(CatalogUnusable) as caught:
        Catalog.load(tmp_path)
    assert sorted((kind, file) for kind, file, _ in caught.value.problems) == [
        ("_shared", "signature.txt"),
        ("code", "body.html"),
    ]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigurationError, match="is not a folder"):
        Catalog.load(tmp_path / "nowhere")


PLACES = [
    "guide/body.txt",
    "_shared/signature.txt",
    "guide",
    "_shared",
    "prefectures",
    "prefectures/35",
    "prefectures/35/guide",
    "prefectures/35/pre-check/body.html",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).symlink_to(tmp_path / "gone")
    with pytest.raises(CatalogUnusable, match=f"{place}: is a link that leads nowhere"):
        Catalog.load(tmp_path)
    assert [str(problem) for problem in check_folder(tmp_path)] == [f"{place}: is a link that leads nowhere"]


@pytest.mark.parametrize("place", PLACES)
def test_what_stands_in_the_place_of_a_file_or_folder_is_not_passed_over(tmp_path, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    is_file = "." in place
    (tmp_path / place).mkdir() if is_file else (tmp_path / place).touch()
    wanted = "file" if is_file else "folder"
    with pytest.raises(CatalogUnusable, match=f"{place}: is not a {wanted} that can be read"):
        Catalog.load(tmp_path)


def test_links_that_lead_to_files_and_folders_are_followed(catalog, tmp_path):
    put(tmp_path / "elsewhere", "subject.txt", "【厚生労働省G-MIS事務局】別の件名\n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "guide").symlink_to(tmp_path / "elsewhere")
    assert Catalog.load(tmp_path / "mine").render(catalog.sample(Kind.GUIDE)).subject.endswith("別の件名")
