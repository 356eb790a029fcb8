"""The texts: complete, sound, in the words of the sources; and a lint that finds what an editor gets wrong."""

from __future__ import annotations

import re
import shutil

import pytest

from core.errors import ConfigurationError
from helpdesk.advice import advise
from helpdesk.case import open_case
from helpdesk.conditions import CONDITIONS, IMPLIED
from helpdesk.facts import SuppressionFacts
from helpdesk.lint import check, load_texts
from helpdesk.placeholders import PLACEHOLDERS
from helpdesk.standing import Standing
from helpdesk.vocabulary import ProcedureId, ReportStatus, Symptom
from helpdesk.wording import BUILT_IN, FactMissing, Line, built_in_texts

QUOTES = {
    "wait": [
        "アカウント発行には、通常1～2週間程度かかります",
        "申請が集中した場合には、発行までの期間が大幅に延びる可能性があります",
        "都道府県が代理で申請する場合には、申請は都道府県で行うため、G-MIS事務局よりメールが届くまでお待ちください。",
        "アカウントが発行されるまでしばらくお待ちいただくようお願いいたします。",
        "正常にメール配信されれば、翌営業日以降、「②G-MIS利用案内メール」が配信されます。",
    ],
    "free-mailbox": [
        "空き容量を増やす方法は、ご利用中のメールソフトウェアにより、対応方法が異なります。",
        "メールサーバー上でメールが保管されている場合には、メールボックスの空き容量を確保した後、"
        "メールサーバからメールが再送されます。",
        "G-MIS利用案内メールの再送はできませんので、大変恐れ入りますが、",
        "から「パスワードをお忘れですか？」のリンクを押し、パスワードリセットを実施していただくようお願いします。",
    ],
    "check-spam-folder": [
        "①メールを「受信トレイ」など安全なフォルダに移動する",
        "②メールに記載のURLにアクセスする",
        "③「G-MIS利用案内メール」に記載されるパスワード設定用のURLにアクセスし、パスワード設定を実施する",
        "送信元メールアドレス (info@g-mis.net) を「安全なアドレス」として設定する",
        "「信頼できる差出人のリスト」タブを開く",
        "迷惑メールに自動的に振り分けられる可能性もありますので、メールフォルダ全体のご確認をお願いいたします。",
        "【厚生労働省G-MIS事務局】G-MISログインIDのお知らせ及びパスワード設定のご依頼",
    ],
    "change-address": [
        "メールアドレスの変更依頼を行っていただくようお願いいたします。",
        "機関コード（機関コードが分からない場合、都道府県で調べます）",
        "都道府県窓口へ連絡してから通常1～2週間後、都道府県窓口からメールアドレスの変更が完了した旨の連絡があります。",
        "その際、「ログインID」をお知らせしますので",
        "「新規ユーザ登録申請」を行っても、新しいアカウントが発行できません",
    ],
    "check-url-access": [
        "① ブラウザのキャッシュが溜まっている",
        "② サイトにフィルターがかかっている",
        "③ サーバーがメンテナンス中などで利用できない状態にある",
        "ブラウザの「キャッシュクリア」を行ってください。",
        "以下のサイトをホワイトリストに入れていただくよう情報システム管理者へ依頼してください。",
        "しばらく待ってから、アクセスいただくようお願いします。",
        "メール本文のURLすべてをコピーしブラウザに貼りつけ画面表示することをお試しください。",
        "他の方により初期設定がされていないか今一度ご確認をお願い致します。",
        "解決しない場合は、「パスワードのリセット」を行い、受信したメールのURLにアクセスしてください。",
    ],
    "reapply": [
        "もう一度新しいメールアドレスでの「新規ユーザ登録申請」を行っていただく必要がございます。",
        "却下理由を確認し、必要に応じて、新規ユーザ登録の再申請を行ってください。",
        "申請時の機関コードが間違っていた場合、再申請が必要となります。",
        "なお、正しい機関コードは、都道府県の窓口へお問い合わせいただくようお願いします。",
        "以下のURLから「新規ユーザ登録申請」を再度実施してください。",
        "https://www.g-mis.mhlw.go.jp/user-Registration-Form",
    ],
    "find-existing-account": [
        "追加のアカウント発行ができないため、申請が却下される場合があります。",
        "機関内でご確認いただき、どうしても分からない場合には、都道府県の窓口へお問い合わせいただくようお願いします。",
    ],
    "ask-login-id-and-reset-password": [
        "大変恐れ入りますが、都道府県窓口に「ログインID」をご確認の上、「パスワードのリセット」をお願いします。",
        "ユーザ名を確認して回答いたしますので、厚生労働省 G-MIS事務局 "
        "(050-3355-8230、又はhelpdesk@gmis.mhlw.go.jp) へご連絡ください。",
    ],
    "confirm-permission": [
        "アカウント申請時点で既に医療機能情報提供制度の報告が行える権限をもつアカウントを保有していた場合、"
        "メールは届きません。",
        "メールに記載されるログインIDでログインして、「医療機能情報提供制度ボタン」押下時に権限が存在しない旨の"
        "メッセージが表示されずに正常に画面遷移されるかをご確認いただくようお願いいたします。",
        "代理申請の場合、「①事前確認メール」及び「②G-MIS利用案内メール」は、配信されません。",
    ],
    "reset-password": [
        "G-MISのパスワードは、医療機関がご自分で設定、管理することとなっています。（都道府県では確認や設定ができません。）",
        "「パスワードをお忘れですか？」のリンクをクリックし、ユーザ名（ログインID）を入力することで、"
        "登録されているメールアドレスに、パスワードリセットの案内メールが送信されます。",
    ],
    "press-report-button": [
        "「報告ボタン」を押していない可能性があります。",
        "報告状況のステータスが「報告中」と表示されている場合、定期報告完了とはなりません。"
        "画面右上の「報告」ボタンを押して、ステータスを「報告済」に変えてください。",
        "昨年度の報告時点から修正がない場合でも、報告が必要です。",
    ],
    "contact-secretariat": [
        "案内メールが届かない場合、医療機関の担当者がお使いのメールアドレスと、アカウントに登録されているメールアドレスが"
        "異なる可能性があるので、厚生労働省 G-MIS事務局 (050-3355-8230、又はhelpdesk@gmis.mhlw.go.jp) "
        "へご連絡ください。",
    ],
    "contact-prefecture": [
        "アカウントの発行状況を確認しますので、山口県医療政策課 (083-933-2924、又はa11700@pref.yamaguchi.lg.jp) "
        "へご連絡ください。",
        "② 病院等のご担当者様が把握していない既存のアカウントが存在",
    ],
    "use-login-url": ["URLは「 https://www.med-login.mhlw.go.jp/ 」でご登録をお願いいたします。"],
    "allow-popups": [
        "ブラウザのポップアップブロックが原因となっている可能性があります。",
        "元の設定に戻されることをお勧めします。",
    ],
    "choose-gmis": [
        "左側に表示される「G-MIS 医療機関情報支援システム」を選択してください。",
        "「医療機能情報提供制度」と書かれた黄緑色のアイコンをクリックしてください。",
        "「定期報告」と書かれた青色のアイコンをクリックしてください。",
        "7桁の番号の頭に「351」を加えた10桁の番号を入力してください。",
    ],
    "use-report-account": ["医療法人における事業報告用のG-MISアカウントでは、医療機能情報の報告を行えません。"],
    "check-period": [
        "定期報告期間中のみ定期報告ボタンが押せます。定期報告の開始日・終了日は、都道府県毎に異なります。",
    ],
    "use-new-report": [
        "昨年度の報告データがG-MIS上に存在しない場合、「新規報告」機能を使って「定期報告」を実施いただく必要がございます。",
    ],
    "ask-institution-code": [
        "機関コードは、報告機関に対して一意となるよう都道府県が付与するコードとなります。"
        "入力する機関コードについては、都道府県からのお知らせ等でご確認ください。",
    ],
    "get-mail-address": ["メールアドレス取得後、新規ユーザ登録申請をいただきますようお願いします。"],
    "report-on-paper": [
        "インターネットを利用出来ない等の事情がある場合に限り、紙での報告を行うこととしております。",
        "調査票（紙）による申請でも受け付け可能としていますが、オンライン報告を推奨しております。",
    ],
}
"""What the source documents say for each procedure (rules 7, 8, 13-15, 24-38, 57-66, 70-121, 139-157)."""


@pytest.fixture(scope="module")
def told(world):
    """Everything that callers are told, by procedure, over the whole table."""
    texts = {}
    for prefecture in (world.yamaguchi(), world.yamaguchi(desks={})):
        for state in world.states():
            for symptom in Symptom:
                for today in (world.day(20), world.day(21), world.period.start):
                    procedure = advise(symptom, world.in_state(state), prefecture, today)
                    lines = (*procedure.steps, *procedure.not_possible)
                    texts.setdefault(procedure.id, {}).update(dict.fromkeys(lines))
    return {name: "\n".join(lines) for name, lines in texts.items()}


@pytest.mark.parametrize("procedure", ProcedureId)
def test_callers_hear_the_words_of_the_sources(told, procedure):
    said = re.sub(r"\s", "", told[procedure])
    assert [quote for quote in QUOTES[procedure] if re.sub(r"\s", "", quote) not in said] == []


def test_there_is_a_case_for_every_procedure(told):
    assert set(told) == set(ProcedureId)


def test_the_shipped_texts_are_sound():
    assert check() == []


def test_each_version_is_named_in_the_answer(world):
    procedure = advise(Symptom.SSO_ERROR, world.institution(), world.yamaguchi(), world.received)
    assert procedure.version == built_in_texts().nation.procedures[ProcedureId.USE_LOGIN_URL].version
    assert procedure.as_dict()["version"] == procedure.version


def test_a_line_without_its_fact_is_never_said_with_a_hole(world):
    case = open_case(world.institution(), world.yamaguchi(), world.received)
    with pytest.raises(FactMissing, match="guide_sent_on"):
        Line("{guide_sent_on}に送信しました。").filled(case)


@pytest.fixture
def texts(tmp_path):
    """A copy of the shipped texts to spoil."""
    return shutil.copytree(BUILT_IN, tmp_path / "texts")


def spoil(texts, name, old, new):
    path = texts / name
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("wait.toml", "{issue_weeks}", "{isue_weeks}", "there is no placeholder {isue_weeks}"),
        ("wait.toml", "before-trouble-day", "before-troubel-day", "there is no condition 'before-troubel-day'"),
        ("wait.toml", "{trouble_on}", "{trouble_on", "has a brace that belongs to no placeholder"),
        ("wait.toml", 'when = "guide-due-known"', 'when = "guide-exists"', "{guide_due_on} is not always known"),
        ("wait.toml", 'when = "guide-due-known"', 'when = "not guide-due-known"', "{guide_due_on} is not always known"),
        ("wait.toml", 'when = "guide-due-known"', 'when = ""', "when is empty"),
        ("wait.toml", 'when = "guide-due-known"', "when = 3", 'must be a text, or { when = "conditions"'),
        ("wait.toml", 'version = "2026-11-30"', "", "wait.toml: version is missing"),
        ("wait.toml", 'title = "', 'titel = "', "wait.toml: titel is not known"),
        ("reapply.toml", 'desk = "prefecture"', 'desk = "ministry"', "reapply.toml: desk must be"),
        ("reapply.toml", 'desk = "prefecture"', "desk = []", "reapply.toml: desk must be"),
        ("wait.toml", 'who = "報告機関"', 'who = "{contact}"', "wait.toml: who has a brace"),
        ("wait.toml", 'who = "報告機関"', 'who = " "', "wait.toml: who must be a text that says something"),
        ("wait.toml", "titles = [", "titles = [ 1, ", "wait.toml: titles no. 1: must be a text"),
        ("wait.toml", "urls = []", 'urls = "x"', "wait.toml: urls must be a list"),
        ("wait.toml", "urls = []", "urls = [ 1 ]", "wait.toml: urls no. 1: must be a text"),
        ("wait.toml", "urls = []", 'urls = [""]', "wait.toml: urls no. 1: says nothing"),
        ("wait.toml", "steps = [", "steps = ", "wait.toml: is not TOML in UTF-8"),
        ("wait.toml", '"registered-address"', '"adress"', "wait.toml: steps no. 1: include must be registered-address"),
        (
            "wait.toml",
            'when = "standing-guide-in-doubt", inc',
            'when = "", inc',
            "wait.toml: steps no. 1: when is empty",
        ),
        (
            "wait.toml",
            "urls = []",
            'urls = [{ include = "registered-address" }]',
            "wait.toml: urls no. 1: must be a text",
        ),
        ("registered-address.toml", "{registered_email}", "{guide_on}", "{guide_on} is not always known"),
        (
            "registered-address.toml",
            "steps = [",
            "steps = [{ include = 'registered-address' },",
            "must be a text, or {",
        ),
        ("common.toml", "steps = [", "titles = []\nsteps = [", "common.toml: titles is not known"),
        ("common.toml", "steps = [", 'title = "x"\nsteps = [', "common.toml: title is not known"),
        (
            "summary.toml",
            '  "この機関コードについての記録はありません。",\n',
            "",
            "summary.toml: sentences: the last one",
        ),
        ("sso.toml", None, "", "sso.toml: is not a file that the helpdesk uses"),
    ],
)
def test_the_lint_finds_what_an_editor_got_wrong(texts, name, old, new, found):
    if old is None:
        (texts / name).write_text(new, encoding="utf-8")
    else:
        spoil(texts, name, old, new)
    problems = check(built_in=texts)
    assert any(found in problem for problem in problems), problems
    assert len(problems) <= 3  # the fault, and what follows from it


def test_the_lint_finds_a_missing_file_and_a_procedure_without_any_sure_step(texts):
    (texts / "reapply.toml").unlink()
    path = texts / "get-mail-address.toml"
    path.write_text(re.sub(r"steps = \[.*?\n\]", "steps = []", path.read_text("utf-8"), flags=re.DOTALL), "utf-8")
    assert check(built_in=texts) == [
        "get-mail-address.toml: steps: at least one must be said always, without when",
        "reapply.toml: is missing",
    ]


def test_bytes_that_are_no_text_are_told(texts):
    (texts / "wait.toml").write_bytes(b"\x93\xfa\x96{")
    assert any("wait.toml: is not TOML in UTF-8" in problem for problem in check(built_in=texts))


def test_a_prefecture_may_have_words_of_its_own(world, tmp_path):
    home = tmp_path / "prefectures" / "35"
    home.mkdir(parents=True)
    shutil.copy(BUILT_IN / "use-login-url.toml", home)
    spoil(home, "use-login-url.toml", "ログイン用のURLからログインする", "山口県の言葉")
    texts = load_texts(tmp_path)
    ours = advise(Symptom.SSO_ERROR, world.institution(), world.yamaguchi(), world.received, texts=texts)
    elsewhere = world.institution(code="99", prefecture="99")
    theirs = advise(Symptom.SSO_ERROR, elsewhere, world.elsewhere(), world.received, texts=texts)
    assert (ours.title, theirs.title) == ("山口県の言葉", "ログイン用のURLからログインする")


def test_an_editors_folder_wins_and_may_be_saved_by_a_windows_editor(world, tmp_path):
    text = (BUILT_IN / "use-login-url.toml").read_text("utf-8").replace("2026-01-06", "2026-04-01")
    (tmp_path / "use-login-url.toml").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    texts = load_texts(tmp_path)
    procedure = advise(Symptom.SSO_ERROR, world.institution(), world.yamaguchi(), world.received, texts=texts)
    assert procedure.version == "2026-04-01"


def test_texts_with_faults_are_refused_with_all_of_them(tmp_path):
    (tmp_path / "wait.toml").write_text("x = 1", encoding="utf-8")
    (tmp_path / "prefectures" / "48").mkdir(parents=True)
    (tmp_path / "prefectures" / "35").mkdir()
    (tmp_path / "prefectures" / "35" / "nonsense.toml").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        load_texts(tmp_path)
    message = str(refusal.value)
    assert "wait.toml: x is not known" in message
    assert "prefectures/48: is no prefecture" in message
    assert "prefectures/35/nonsense.toml: is not a file" in message


def test_notes_for_people_may_lie_in_an_editors_folder(tmp_path):
    (tmp_path / "prefectures" / "35").mkdir(parents=True)
    for name in ("README", "README.ja.md", ".gitignore", "prefectures/35/README.md"):
        (tmp_path / name).touch()
    assert check(tmp_path) == []


@pytest.mark.parametrize("place", ["wait.toml", "prefectures", "prefectures/35", "prefectures/35/wait.toml"])
def test_what_cannot_be_read_is_never_passed_over(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path / "gone")
    assert check(tmp_path) == [f"{place}: is a link that leads nowhere"]
    path.unlink()
    kind = "file" if place.endswith(".toml") else "folder"
    path.mkdir() if kind == "file" else path.touch()
    assert check(tmp_path) == [f"{place}: is not a {kind} that can be read"]


def test_a_folder_of_texts_that_is_none_is_refused(tmp_path):
    (tmp_path / "procedures").touch()
    with pytest.raises(ConfigurationError, match=r"procedures: is not a folder that can be read"):
        load_texts(tmp_path / "procedures")


def test_a_prefecture_has_no_prefectures_of_its_own(tmp_path):
    (tmp_path / "prefectures" / "35" / "prefectures").mkdir(parents=True)
    [problem] = check(tmp_path)
    assert problem.startswith("prefectures/35/prefectures: is not a file that the helpdesk uses")


def test_a_condition_gives_what_it_promises(world):
    """Where a condition holds, what it implies holds, and its placeholders can be filled."""
    reporting = (world.report(status=ReportStatus.REPORTED),)
    broken = []
    for state in world.states():
        suppressed = (SuppressionFacts("soumu@minato-hp.example.jp", by_hand=state.guide is None),)
        facts = world.institution(*world.in_state(state).applications, reporting=reporting, suppressed=suppressed)
        case = open_case(facts, world.yamaguchi(notice="お知らせ"), world.day(9))
        holding = {name for name, holds in CONDITIONS.items() if holds(case)}
        broken += [name for name in holding if not IMPLIED.get(name, frozenset()) <= holding]
        broken += [
            name
            for name, placeholder in PLACEHOLDERS.items()
            if (not placeholder.given_by or placeholder.given_by & holding) and placeholder.fill(case) is None
        ]
    assert broken == []


def test_editors_find_every_condition_and_placeholder_explained():
    readme = (BUILT_IN / "README.md").read_text(encoding="utf-8")
    families = r"(symptom|standing|refused|code|application-complete|pre-check|guide|existing-user-confirm|rejection"
    families += r"|reminder|password-reset|address-changed)-.*"
    single = {name for name in CONDITIONS if not re.fullmatch(families, name)} | {"guide-link-expired"}
    assert {name for name in single if f"`{name}`" not in readme} == set()
    assert {standing for standing in Standing if f"`{standing}`" not in readme} == set()
    kinds = r"(code|application_complete|pre_check|guide|existing_user_confirm|rejection|reminder|password_reset"
    kinds += r"|address_changed)_(email|label|on|sent_on|due_on|again_email|again_label|again_due_on)"
    single = {name for name in PLACEHOLDERS if not re.fullmatch(kinds, name)}
    assert {name for name in single if f"`{{{name}}}`" not in readme} == set()


def test_editors_are_told_the_condition_that_a_placeholder_needs():
    readme = (BUILT_IN / "README.md").read_text(encoding="utf-8")
    rows = [row.strip("|").split("|") for row in readme.split("## 差し込み")[1].splitlines() if row.startswith("|")]
    assert {len(row) for row in rows} == {3}
    told = {name: row[2] for row in rows for name in re.findall(r"`\{([a-z_]+)\}`", row[0])}
    assert {name for name, needs in told.items() if PLACEHOLDERS[name].given_by and not needs.strip()} == set()
    named = {name: set(re.findall(r"`([a-z-]+)`", needs)) for name, needs in told.items()}
    assert {name for name, needs in named.items() if not needs <= PLACEHOLDERS[name].given_by} == set()
