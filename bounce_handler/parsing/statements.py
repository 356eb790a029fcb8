"""Sentences that say what became of a mail: it failed, it is still tried, it is given up.

Asked of `Mail.sentences`. English is looked for by phrases mostly; Japanese, which says the same with a dozen verbs in
as many forms, by patterns that the end of a sentence bounds.
"""

from __future__ import annotations

import re

from bounce_handler.parsing import tongues
from bounce_handler.parsing.wording import STATED

_FAILED_PATTERN = re.compile(
    r"\b(?:message|mail)(?: (?:to|for) \S{1,100})? (?:was|has been|had to be)"
    r" (?:discarded|dropped|destroyed|bounced|refused|rejected|not accepted)\b"
    r"|\b(?:address|mailbox|user|account|recipient|addressee)(?: \S{1,100})?"
    r" (?:(?:does not|doesn't|do not|don't) exist|(?:is|was) (?:not (?:known|recogni[sz]ed|(?:a )?valid)|nonexistent)"
    r"(?! (?:for|to|by|until)\b))"
    r"|\b(?:we have|there (?:is|was)) no (?:such )?(?:user|mailbox|account|recipient)"
    r"(?= \S{0,80}@|[.,;!:\"'(\n]| (?:here|by|named|called|with|of|on|for|at)\b)"
    r"|\brelay(?:ing)?(?: (?:to|for) \S{1,100})?"
    r" (?:is |was )?(?:prohibited|denied|forbidden|not permitted|not allowed)\b"
)
_FAILED_SIGNS = (
    *("discarded", "dropped", "destroyed", "bounced", " refused", " rejected", "not accepted", "relay"),
    *(" exist", "not known", "not recogni", "valid", "nonexistent", "have no ", "there is no ", "there was no "),
)
"""One of these is in whatever fits the pattern; most notices hold none, which plain searches tell faster."""
DELIVER = r"(?:送信|配信|配送|配達|送達|転送|伝送|お届け)"
_NO_FACT = r"(?!場合|とき|時|可能性|恐れ|おそれ|かも|の?件)"
_COULD_NOT = (
    rf"(?:でき|出来)(?:ませんでした{_NO_FACT}|なかった{_NO_FACT}|ず|ていません|ておりません"
    rf"|かね(?:ました|ております|ます){_NO_FACT})"
)
_BAD = (
    r"(?:無効|不明|停止中?|存在し(?:ない|ません)|一杯|いっぱい|満杯|超過|拒否|閉鎖|廃止|解約|退会|未登録"
    r"|登録(?:され)?て(?:い|おり)(?:ない|ません))"
)
_MAIL_RETURNED = (
    r"(?:メール|メッセージ)[^。\n]{0,20}(?:返送|差し戻し|差戻し)"
    r"(?:し(?:ました|ます)|いたし|致し|させていただ|され(?:ました|ています))"
)
_WHOM = r"(?:宛先|あて先|送信先|受信者|ユーザー?|(?:メール|電子メール)?[ ]?アドレス|グループ)"
_FAILED_JAPANESE = re.compile(
    rf"{DELIVER}(?:する|し|を行う|処理)?(?:こと|事)?[がはもをに]?{_COULD_NOT}"
    rf"|{DELIVER}(?:処理)?[がはもに]?(?:失敗(?:し(?:た{_NO_FACT}|まし|て)|いたし|致し|とな)|不能)"
    rf"|(?<!通知[がはも]){DELIVER}[がは]?され(?:ませんでした{_NO_FACT}|なかった|ず|ていません|ておりません)"
    rf"|届(?:きませんでした|かなかった|かず|け(?:ること|る事)?[がはも]?(?:られ|でき|出来)(?:ませんでした|なかった|ず))"
    rf"|(?:以下|次|下記)の{_WHOM}[^。\n]{{0,40}}{DELIVER}[^。\n]{{0,12}}(?:でき|出来)(?:ません|ない)"
    rf"|{_WHOM}[がはに]?(?:不明(?:の|で|と)|存在し(?:ません|ない|なかった)|見つか(?:りません|らな))"
    rf"|(?:{_WHOM}|ユーザ)(?:が|は)?(?:無効(?:です|な(?:ため|の))|間違って(?:い|おり)ます|正しく(?:ありません|ないため))"
    rf"|無効な(?:メール|電子メール)?(?:アドレス|宛先)(?:です|でした|の?ため|なので)"
    rf"|(?:登録(?:され)?て(?:い|おり)(?:ない|ません)|存在しない)(?:メール|電子メール)?(?:アドレス|宛先)(?:です|でした|の?ため|なので)"
    rf"|{_BAD}[^。\n]{{0,6}}(?:ため|ので|により)[^。\n]{{0,20}}(?:{DELIVER}|届け|受信|受け取)[^。\n]{{0,8}}(?:でき|出来)(?:ません|ない)"
    rf"|(?:メール|メッセージ)(?:(?!添付|ファイル|画像|回答)[^。\n]){{0,40}}"
    rf"(?:(?:受信(?:すること)?|受け取(?:り|ること)|受領)[がはをも]?{_COULD_NOT}|受け取れ(?:ませんでした{_NO_FACT}|なかった{_NO_FACT}|ず))"
    rf"|(?:受信|受け取り|受取)[がはを]?(?:断ら|お断りさ)れ(?:ました|て(?:い|おり)ます){_NO_FACT}"
    rf"|(?:受信者|宛先|あて先|送信先|相手先?)[^。\n]{{0,12}}届いて(?:い|おり)ません{_NO_FACT}"
    rf"|(?:メール|メッセージ)[がは](?:差出人に)?戻(?:って|され)(?:まいり|参り|き|来)(?:ました|て)"
    rf"|(?:送信|配信|転送)(?:処理)?[がはを]?中断(?:し|いたし|致し|され)ました"
    rf"|(?:ウイルス|ウィルス|迷惑メール|スパム)と(?:判定|判断|検知)(?:(?!ファイル|添付)[^。\n]){{0,12}}(?:削除|破棄|拒否|遮断)(?:され|し|いたし|致し)(?:ました|ています)"
    rf"|(?:宛先|あて先|アドレス)(?:誤り|間違い|相違)(?!が(?:ない|無い))"
    rf"|(?:該当|当該)(?:する)?の?(?:ユーザー?|アドレス|宛先|受信者|メールボックス)[がはも]?(?:なし|いません|おりません|存在し|見つか)"
    rf"|(?:受取人|受信者|名宛人|転居先)不明|尋ね当たり|到達(?:し|でき|出来)(?:ませんでした|なかった){_NO_FACT}"
    rf"|{DELIVER}[がはを]?(?:中止|拒否|拒絶)(?:し|いたし|致し|され)(?:ました|ています)"
    rf"|(?:受信|受け取り|受取)[がはを]?(?:拒否|拒絶)(?:し|いたし|致し|され)(?:ました|ています)"
    rf"|(?<!迷惑)(?:メール|メッセージ)[がはを](?:(?!添付|ファイル|画像|以外|[0-9０-９件通])[^。\n]){{0,20}}(?:拒否|ブロック|破棄|遮断)"
    rf"(?:し|いたし|致し|され)(?:ました|ています)"
    rf"|{_MAIL_RETURNED}"
)

_DELAYED = (
    "not yet delivered",
    "transient non-fatal",
    "attempts will continue",
    "next try",
    "now retrying",
    "mail delay",
    "delay notice",
    "delay notification",
    "delay warning",
    "delay report",
    "cannot send message for last",
    "not delivered so far",
    "not yet successful",
    "remain in the queue",
    "remains on the queue",
    "remain queued",
    "stays in the queue",
    "stay in the queue",
    "stays queued",
    "is queued for",
    "been queued for",
    "queued for retry",
    "held for later delivery",
    "next attempt",
    "next retry",
    "next delivery attempt",
    "delivery deferred",
    "mail deferred",
    "message deferred",
    "temporarily deferred",
    "not yet been delivered",
    "not been delivered yet",
    "not be delivered yet",
    "not yet be delivered",
    "not delivered yet",
    "not yet been reached",
    "not yet been sent",
    "has been delayed",
    "have been delayed",
    "is delayed",
    "message delayed",
    "delayed mail",
    "delivery delayed",
    "delivery delay",
    "(delay)",
    "notification: delayed",
    "warning message only",
    "this is a warning only",
    "this is only a warning",
    "this is just a warning",
    "only a temporary failure report",
    "do not need to resend",
    "don't need to resend",
    "no need to resend",
    "still being retried",
    "still trying",
    "still in the queue",
    "waiting in the queue",
    "waiting in our queue",
    "kept in the queue",
    "still queued",
    "remains in the queue",
    "remains in queue",
    "remains queued",
    "will be retried",
    "will be tried again",
    "will be attempted",
    "will attempt to",
    "attempt redelivery",
    "attempts redelivery",
    "further attempts will",
    "has been postponed",
    "will retry",
    "will try again",
    "will try to deliver",
    "will try to send",
    "will keep trying",
    "will keep retrying",
    "will continue trying",
    "will continue to try",
    "will continue to attempt",
    "will continue to retry",
    "will continue to be made",
    "will continue attempting",
    "keeps retrying",
    "keeps trying",
    "keep retrying",
    "continues to retry",
    "continues to try",
    "retry continues",
    "retries continue",
    "retrying for",
    "retrying until",
    "being retried",
    "delivery attempts will continue",
    "attempts to deliver the message will continue",
    "could not send mail for past",
    "could not send message for past",
    "temporary problem delivering",
    "has been deferred",
    "is deferred",
    "was deferred",
)
_FOR_HOURS = re.compile(r"\bdelayed (?:for |by )?(?:more than |over )?\d{1,3} ?(?:hour|hr|minute|min|day|h\b)")
_RETRYING = re.compile(r"\A(?:\W{0,3}warning\W{1,3})?delayed:|(?:^|[.!)] |[:;,] )retrying(?:$|[.!])", re.MULTILINE)
_RETRY = r"(?:再送信?|再配信|再配送|再試行|リトライ)"
_GOES_ON = r"(?:ます|てい(?!ただ)|ており|てまいり)(?!か|よう|と)"
_DELAYED_JAPANESE = re.compile(
    rf"{_RETRY}(?:の試行)?[をは]?(?:試み|行い|続け|継続し|繰り返し|実施し|いたし|し){_GOES_ON}"
    rf"|{DELIVER}(?:の試行)?[をは]?(?:試み|続け|継続し|繰り返し){_GOES_ON}"
    rf"|(?:{_RETRY}|{DELIVER})(?:の試行)?[がはを]?(?:継続|続行)(?:し|され|中)"
    rf"|{_RETRY}(?:中|待ち|(?:が行わ|さ)れます(?!か|よう|と))"
    rf"|次回の?(?:{_RETRY}|(?:{DELIVER})?試行)(?:予定|日時|時刻|予定日時)? ?[:：はを]"
    rf"|引き続き[^。\n]{{0,12}}(?:{_RETRY}|{DELIVER})[をし]"
    rf"|{DELIVER}[^。\n]{{0,12}}(?:遅延(?:し|が|の|に|通|中)|遅れ(?:て|が|まし))|{DELIVER}遅延"
    rf"|(?:まだ|未だ)[^。\n]{{0,12}}{DELIVER}[^。\n]{{0,10}}(?:ません|ない|ず)"
    rf"|再度?の?送信?[^。\n]{{0,8}}必要は(?:ありません|ございません|ない|なく)"
    rf"|一時的に[^。\n]{{0,12}}{DELIVER}[^。\n]{{0,8}}(?:でき|出来)(?:ない|ません|ていない|ていません)"
    rf"|(?:後ほど|後で|のちほど|自動で|自動的に)[^。\n]{{0,12}}(?:{_RETRY}|再度{DELIVER})(?:を)?(?:し|いたし|致し|行い|試み)ます"
    rf"|{DELIVER}[はが]?(?:まだ)?完了(?:して|でき)(?:いません|おりません|いない)"
    r"|警告のみ"
)

_GIVEN_UP = re.compile(
    r"permanent (?:error|failure|fatal)|(?:failed|rejected) permanently|permanently (?:failed|rejected|undeliv)"
    r"|(?:given|gave|giving) up\b|(?:has|have) (?:finally|now) failed|no (?:further|more) (?:delivery )?attempt"
    r"|(?:message|mail|it|is|and) (?:is|was|has|have|been|now|being)(?: been| now| being)* returned\b"
    r"|returned to (?:the |its )?sender|returning message"
    r"|returned mail(?!\W{1,4}(?:warning|delay|deferred|still|transient))"
    r"|(?:will|would)(?: not|n't| no longer| never) be (?:re-?tried|tried|attempted|re-?sent|delivered)"
    r"|be retried (?:no|any) (?:more|longer)|(?:not|n't|no longer) (?:retry|try again|keep trying|be retrying)"
    r"|continue no (?:longer|more)|stopped (?:re)?trying|(?:deleted|removed) from (?:the )?queue"
    r"|(?:retry|delivery) (?:timeout|time|limit|count) (?:exceeded|expired)"
    r"|(?:message|mail)(?: (?:to|for) \S{1,100})? (?:has )?expired"
    r"|delayed [^.。\n]{0,60}\b(?:has|have|been|now)(?: now| been| finally)* (?:failed|returned)\b"
)
_GIVEN_UP_JAPANESE = re.compile(
    rf"最終的に[^。\n]{{0,30}}(?:ませんでした|なかった|失敗し|断念|不達)"
    rf"|(?:{_RETRY}|{DELIVER})[^。\n]{{0,10}}(?:断念|中止|打ち?切|あきらめ|諦め|終了)(?:り|し|いたし|致し|とし)?(?:ました|ます|た|ており|(?<=し)[、て])"
    rf"|{_RETRY}(?:の試行)?[をはも]?(?:され|いたし|致し|し|行い|行われ|行なわれ|行ない)ません"
    rf"|(?:{_RETRY}|{DELIVER}|保持)の?(?:期限|回数|上限|期間)[^。\n]{{0,6}}(?:超え|超過|切れ|過ぎ|経過し|達し)"
    rf"|{_MAIL_RETURNED}|(?:恒久的|永続的|永久的)な?(?:エラー|失敗|障害)"
    rf"|(?:遅延|遅れ)[^。\n]{{0,20}}(?:ました|いた|した)が[^。\n]{{0,60}}(?:ませんでした|なかった|失敗しました)"
)
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$|[^\x00-\x7f])|\n")
_CONDITION = re.compile(
    r"\b(?:if|when|unless|once|until|before|should|in case)\b|場合"
    r"|(?:\bnot|n't|\bnever|\b(?:will|would|may|can|could|to)(?: then)? be)(?: an?| yet| been)*\s*$"
)
_SUPPOSED = re.compile(r"た?(?:場合|とき|時|際|ら)")
_LONGEST_SENTENCE = 200


def tells_of_failure(words: str) -> bool:
    """Whether a sentence says that a mail failed or was returned, whoever its recipient is."""
    if any(map(words.__contains__, STATED)) or any(map(words.__contains__, tongues.FAILED_ASCII)):
        return True
    if any(map(words.__contains__, _FAILED_SIGNS)) and is_stated(_FAILED_PATTERN, words):
        return True
    return not words.isascii() and (
        _FAILED_JAPANESE.search(words) is not None or any(map(words.__contains__, tongues.FAILED))
    )


def tells_of_delay(words: str) -> bool:
    """Whether a sentence says that the message is still being tried."""
    if any(map(words.__contains__, _DELAYED)) or any(map(words.__contains__, tongues.DELAYED_ASCII)):
        return True
    if "delayed" in words and _FOR_HOURS.search(words):
        return True
    if ("retrying" in words or "delayed:" in words) and _RETRYING.search(words):
        return True
    return not words.isascii() and (
        _DELAYED_JAPANESE.search(words) is not None or any(map(words.__contains__, tongues.DELAYED))
    )


def tells_of_the_end(words: str) -> bool:
    """Whether a sentence says that no more tries are made: said as a fact, not of what may come."""
    return is_stated(_GIVEN_UP, words) or (not words.isascii() and is_stated(_GIVEN_UP_JAPANESE, words))


def supposes(words: str, at: int) -> bool:
    """Whether what stands there makes a condition of the Japanese words before it."""
    return _SUPPOSED.match(words, at) is not None


def is_stated(pattern: re.Pattern[str], words: str) -> bool:
    """Whether the pattern is said as a fact: neither denied nor under a condition."""
    return any(not _is_supposed(words, match) for match in pattern.finditer(words))


def _is_supposed(words: str, match: re.Match[str]) -> bool:
    """Whether it is denied, or stands under a condition: before it, or after it in Japanese."""
    if supposes(words, match.end()):
        return True
    return _CONDITION.search(_clause(words, match.start())) is not None


def _clause(words: str, at: int) -> str:
    """What of its sentence stands before this place."""
    before = words[max(0, at - _LONGEST_SENTENCE) : at]
    ends = [match.end() for match in _SENTENCE_END.finditer(before)]
    return before[ends[-1] :] if ends else before
