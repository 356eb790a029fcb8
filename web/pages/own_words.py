"""What we say of a connection or a relay ourselves, in Japanese. The API keeps the words as the sender wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterable

_Table = tuple[tuple[re.Pattern[str], str], ...]


def _table(rows: Iterable[tuple[str, str]]) -> _Table:
    return tuple((re.compile(pattern, re.DOTALL), words) for pattern, words in rows)


_WITHOUT_CODE = _table(
    (
        (r"the server closed the connection", "応答なし：接続が切断されました"),
        (r"the server closed the connection after its greeting", "応答なし：最初の応答の直後に、接続が切断されました"),
        (r"the connection is closed", "応答なし：接続が切断されています"),
        (r"the connection was given up", "応答なし：接続を打ち切りました"),
        (r"the connection broke: (.*)", r"応答なし：接続が途切れました（\1）"),
        (r"no reply within (\S+) s", r"応答なし：\1秒以内に応答がありませんでした"),
        (r"cannot connect to (\S+) port (\d+): (.*)", r"応答なし：\1（ポート\2）に接続できません（\3）"),
        (r"the sender ended while it handed the mail over", "応答なし：送信処理が、送信の途中で終了しました"),
        (
            r"restored from a backup: it may have left after that was taken",
            "データベースをバックアップから復元したため、その後に送信されたかどうかが分かりません",
        ),
        (r"a reply without end", "不正な応答：応答に終わりがありません"),
        (r"not an SMTP reply: (.*)", r"不正な応答：SMTPの応答ではありません（\1）"),
        (r"the relay gave no valid reply: (.*)", r"不正な応答：SMTPの応答ではありません（\1）"),
        (r"(\d+) is no reply to this: (.*)", r"不正な応答：この手順に対する応答ではありません（\1 \2）"),
        (r"([A-Z]\w*(?:Error|Exception|Disconnected)(?:: .*)?)", r"応答なし：通信に失敗しました（\1）"),
    )
)
_WITH_CODE = _table(
    (
        (r"the relay refused our login: (.*)", r"メールサーバー（リレー）がログインを拒否しました（\1）"),
        (r"the relay refused our greeting: (.*)", r"メールサーバー（リレー）が挨拶（HELO）を拒否しました（\1）"),
        (r"the relay refused the connection: (.*)", r"メールサーバー（リレー）が接続を拒否しました（\1）"),
    )
)
_PARTS = {
    "no answer": "応答なし",
    "Connection refused": "接続を拒否",
    "Connection reset by peer": "相手先が接続を切断",
    "its name was not resolved in time": "ホスト名を解決できません",
}


def in_japanese(text: str | None, smtp_code: int | None) -> str | None:
    """Our own words in Japanese; any others, a server's above all, as they stand.

    A server that spoke gave a code: what has one holds little of ours.
    """
    for pattern, words in _WITHOUT_CODE if smtp_code is None else _WITH_CODE:
        if text is not None and (match := pattern.fullmatch(text)) is not None:
            return _with_parts(match.expand(words))
    return text


def _with_parts(text: str) -> str:
    for ours, words in _PARTS.items():
        text = text.replace(ours, words)
    return text
