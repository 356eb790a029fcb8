"""What callers call our mails (rules 22-41), and what of a question is no search term."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.kinds import Kind
from store.search import search_key

_NAMES: Mapping[Kind, tuple[str, ...]] = {
    Kind.CODE: ("認証コード", "確認コード", "認証メール", "ワンタイムコード", "ワンタイムパスワード"),
    Kind.APPLICATION_COMPLETE: (
        "ユーザ登録申請完了メール",
        "ユーザー登録申請完了",
        "ユーザ登録完了メール",
        "申請完了メール",
        "申請完了",
        "申請受付メール",
    ),
    Kind.PRE_CHECK: ("事前確認メール", "事前確認", "事前のご連絡", "事前連絡メール", "事前連絡"),
    Kind.GUIDE: (
        "アカウント発行メール",
        "アカウント発行通知",
        "アカウント発行",
        "G-MIS利用案内メール",
        "G-MIS利用案内",
        "利用案内メール",
        "利用案内",
        "ログインIDのお知らせ",
        "ログインIDの通知",
        "パスワード設定のご依頼",
        "パスワード設定メール",
        "初期パスワードのメール",
    ),
    Kind.EXISTING_USER_CONFIRM: (
        "G-MIS利用案内既存のご利用者確認依頼メール",
        "既存のご利用者確認依頼",
        "ご利用者の確認依頼",
        "利用者確認依頼",
        "既存利用者確認",
        "既存利用者の確認",
    ),
    Kind.REJECTION: ("却下メール", "却下通知", "却下の連絡", "却下"),
    Kind.REMINDER: (
        "催促のメール",
        "催促メール",
        "催促",
        "リマインドメール",
        "リマインド",
        "リマインダー",
        "督促メール",
        "督促",
    ),
    Kind.PASSWORD_RESET: (
        "パスワードリセットの案内メール",
        "パスワードリセット",
        "パスワード再設定メール",
        "パスワード再設定",
        "パスワードの再設定",
    ),
    Kind.ADDRESS_CHANGED: ("メールアドレス変更完了のお知らせ", "アドレス変更完了", "変更完了メール"),
}

_PARTICLE = re.compile(r"[のがはを]$")
_NOISE = re.compile(
    r"(?:の件|について)?(?:める)?[がはをのもへに]?(?:まだ|再送)?"
    r"(?:届かない|届きません|届いていない|届いていません|来ない|来ません|来ていない|来ていません|紛失)?(?:です)?"
)
"""What stands after a mail's name, as search keys have it: メール without its long vowel, in hiragana."""


def _keys() -> Iterable[tuple[str, Kind]]:
    for kind, names in _NAMES.items():
        yield from ((search_key(name), kind) for name in (*names, kind.label))


_BY_KEY: Mapping[str, Kind] = dict(sorted(_keys(), key=lambda named: len(named[0]), reverse=True))


_CIRCLED = re.compile("[①-⑨]")


def unnumbered(text: str) -> str:
    """A question as it was typed, without the numbers of the mails that it names: the documents call one
    「①事前確認メール」 (rules 26, 29, 34), and a search key would hold a plain 1."""
    words = text.split()
    bare = [_CIRCLED.sub("", word) for word in words]
    named = [_in_word(word)[0] is not None for word in bare]
    followed = [*named[1:], False]
    kept = [
        without if names else word
        for word, without, names, before_one in zip(words, bare, named, followed, strict=True)
        if without or not before_one
    ]
    return " ".join(kept)


def mail_meant(words: Iterable[str]) -> tuple[Kind | None, list[str]]:
    """The kind of mail that a question names, and the words without its name."""
    left: list[str] = []
    meant: Kind | None = None
    for word in words:
        found, rest = _in_word(word)
        meant = meant or found
        left += [rest] if rest else []
    return meant, left


def _in_word(word: str) -> tuple[Kind | None, str]:
    """The first, longest name in a word; its own letters stay where none is found."""
    if word.lower() in set(Kind):
        return Kind(word.lower()), ""
    key = search_key(word)
    for name, kind in _BY_KEY.items():
        if name in key:
            before, after = key.split(name, 1)
            return kind, _PARTICLE.sub("", before) + ("" if _NOISE.fullmatch(after) else after)
    return None, word
