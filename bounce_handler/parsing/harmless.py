"""Sentences of mails that report no failure of ours: it arrived, it is held, it is one of many, nobody is there.

Asked of `Mail.sentences`, like those of `statements`.
"""

from __future__ import annotations

import re

from bounce_handler.parsing.statements import DELIVER, is_stated

_ARRIVED = re.compile(
    r"(?:was|were|been) (?:successfully |now )?delivered|successfully (?:delivered|sent|relayed)"
    r"|delivered successfully|successful (?:mail )?delivery"
    r"|\bdelivery (?:to [^.。\n]{1,60} )?(?:is|was|has been) (?:now )?complete"
    r"|(?:配信|配送|配達|お届け)[がは]?(?:完了し(?:ました|ています|ております)|され(?:ました|ています)|済み)"
    r"|に(?:は|の?み|だけ)?(?:配信|配送|配達|お届け)(?:し|いたし|致し)(?:ました(?!が)|ています|ております)"
    rf"|(?:正常に|無事に?)[^。\n]{{0,12}}(?:{DELIVER}|届)"
)
_TROUBLES = ("delay", "遅延", "遅れ", "滞留", "障害")
_RECOVERED = re.compile(
    r"(?:遅延|遅れ|滞留|障害)[^。\n]{0,20}(?:解消|復旧|回復|解決)(?:し|され|いたし|致し|済|しました)"
    r"|\bdelay(?:s|ed)?\b[^.。\n]{0,60}\b(?:resolved|cleared|over|ended|but (?:has|have|was|were) (?:now |since )?)"
    r"|\bno longer delayed|\bdelayed (?:messages?|mails?) (?:has|have|was|were) (?:now |since )?(?:been )?delivered"
)
_OF_ATTACHMENTS = re.compile(
    r"添付(?:ファイル|文書|資料|書類)?[^。、\n]{0,60}[はがをも](?!あ(?:る|り)|含|付)"
    r"|\battach(?:ment|ed file)s?\b[^.。;\n]{0,60}"
    r"\b(?:not|cannot|unable|removed|blocked|stripped|deleted|failed|rejected)\b"
)
_CLAUSES = re.compile(r"(?<=[。;；\n])|(?<=\.)(?=\s)")
_TREATMENTS = ("tagged", "marked", "flagged", "labelled", "labeled", "cleaned", "disinfected", "stripped", "scanned")
_PASSED_ON = re.compile(
    rf"\b(?:{'|'.join(_TREATMENTS)})\b[^.。\n]{{0,80}}"
    r"\b(?:and|then|before being) (?:it |then |was |has been |is )*(?:delivered|passed on|sent on|forwarded)\b"
)
_HELD = re.compile(
    r"(?:being|been|is|was) held (?:for|until|pending|by|in|because)|is being held"
    r"|held for (?:review|approval|moderation)"
    r"|await(?:s|ing) (?:\w+ ){0,2}(?:approval|review|moderation|release)"
    r"|pending (?:\w+ )?(?:approval|review|moderation|release)"
    r"|quarantined?[^.。\n]{0,60}(?:review|release|approv|until|administrator)|after (?:approval|release|review)"
    r"|until (?:it is |it has been )?(?:approved|released|reviewed)"
    r"|保留(?:中|され|し(?:て|ま)|と)|承認(?:待ち|後に|され(?:るまで|次第|ると|た後|たら)|を(?:待|お待))|審査(?:中|待ち)"
    r"|隔離[^。\n]{0,30}(?:解除|解放|承認|保留|審査)|(?:解除|解放)され(?:ると|れば|次第)"
)

_SEVERAL = 2
_IN_ENGLISH = ("delivered", "bounced", "deferred", "rejected", "failed")
_IN_JAPANESE = ("配信", "送信", "受信", "不達", "失敗", "エラー", "遅延", "拒否")
_OUTCOMES = (*_IN_ENGLISH, *_IN_JAPANESE)
_ENGLISH, _JAPANESE = "|".join(_IN_ENGLISH), "|".join(_IN_JAPANESE)
_FAILURES = ("bounced", "deferred", "rejected", "failed", "不達", "失敗", "エラー", "遅延", "拒否")
_TOTALS = re.compile(
    rf"(?:^|\s)(?:{_ENGLISH})(?: (?:mails|messages))?[ :：=]{{1,3}}\d{{1,7}}\b"
    rf"|(?:{_JAPANESE})(?:済み|成功|完了|失敗|件数|数|通数)?[ :：=]{{0,3}}\d{{1,7}} ?[件通]"
)
_LISTED_TOTALS = re.compile(
    rf"\b\d{{1,7}} (?:(?:mails|messages) )?(?:were )?(?P<first>{_ENGLISH})"
    rf"(?:,| and|;) \d{{1,7}} (?:(?:mails|messages) )?(?:were )?(?!(?P=first))(?:{_ENGLISH})\b"
)
_AGGREGATE = re.compile(
    r"\A[^\n]{0,20}\breport domain: ?\S|\A[^\n]*\breport-id: ?<"
    r"|\baggregate (?:tls|dmarc) report|\b(?:tls|dmarc) aggregate report|\bdmarc(?: の)?集計(?:レポート|報告)"
)
_SOME_MAILS = re.compile(
    r"一部の(?:お客様の)?(?:メール|メッセージ)[がはにの](?!宛先|アドレス|添付)"
    r"|\bsome (?:e-?mails|mails|messages) (?:were|could|may|might|have)\b"
)
_INBOX = re.compile(
    r"\b(?:incoming|pending|\d{1,4}\)?) (?:undelivered |incoming |pending |new |unread )*(?:messages|e-?mails|mails)\b"
    r"|\bto your (?:inbox|mailbox)|\byour (?:mailbox|inbox|e-?mail account|storage|mail quota|password)\b"
    r"[^.。\n]{0,60}\b(?:full|exceeded|expire|limit|suspend|upgrade|deactivat|verif)"
    r"|(?:お客様|あなた|貴方|ご利用)の(?:メールボックス|メールアカウント|受信箱|受信トレイ)"
    r"[^。\n]{0,30}(?:容量|一杯|いっぱい|上限|停止|期限|更新|認証|無効)"
    r"|(?:保留|未配信|未受信|受信保留)(?:中|された|の)*メール[^。\n]{0,10}\d{1,4} ?[件通]"
)
_WAITING = re.compile(
    r"\b\d{1,4}\)? (?:new )?(?:undelivered|incoming|pending|unread|held|quarantined) (?:messages|e-?mails|mails)\b"
    r"|\d{1,4} ?[件通]の(?:未受信|受信|未配信|保留|未読|新着)(?:中|された|の)*(?:メッセージ|メール)"
    r"|(?:未受信|受信|未配信|保留|未読|新着)(?:中|された|の)*(?:メッセージ|メール)(?!ボックス|サーバ|アドレス)"
    r"[^。\n]{0,10}\d{1,4} ?[件通]"
)
_WAITING_SIGNS = (
    *("undelivered ", "incoming ", "pending ", "unread ", "held ", "quarantined "),
    *("受信", "未配信", "保留", "未読", "新着"),
)
_LURES = (
    *("click", "http://", "https://", "log in", "login", "sign in", "verify", "release", "retrieve", "upgrade"),
    *("クリック", "ログイン", "認証", "更新", "こちらから", "確認する"),
)
_ABSENT = re.compile(
    r"out of (?:the )?office|\bon (?:vacation|leave|holiday)|\baway (?:from|until|and)|\bannual leave"
    r"|(?<!受取人)(?<!受信者)(?<!名宛人)(?<!担当者)不在(?:です|で|の(?!場合|とき|時)|に|と|中|期間)"
    r"|休暇(?:中|を|で|の|に)|休診|休業|休館|休務|閉庁|年末年始|夏季休|出張(?:中|の|で)"
)

_TOLD = r"(?:し|いたし|致し|とな|にな|され|の(?:お知らせ|ご?連絡|ご?案内))"
_MOVED = re.compile(
    r"新(?:しい)?(?:メール|電子メール|連絡先の?)?[ ]?アドレス(?:は|へ|に|宛|：|:| ?[^\s@、。]{1,64}@)"
    rf"|アドレス[がはをの]?変更{_TOLD}|担当者?[がはをの]?(?:変更|交代|交替){_TOLD}"
    r"|\bnew (?:e-?mail )?address(?: is| will be| has been|:)|\b(?:e-?mail|my|our) address has (?:been )?changed"
)
_GENERAL = re.compile(
    r"場合|(?:ない|なかった)(?:とき|時|際)|(?:とき|時|際)は|(?:に|と)な(?:ります|る(?!べく)|って(?:しまい|い)ます)"
    r"|ことがあ|(?:送る|送信する|いただく)と|(?:エラー|応答)[がを]?(?:返りま|返しま|出ま|戻りま)す"
    r"|エラー[ :：はが]{1,3}(?:なし|無し|ありません|ございません|ない|無い)"
    r"|\b(?:if|unless|in case|whenever|might)\b|\bwhen (?:you|an?)\b|\bmay (?:be|not|get|receive|see)\b"
)
_PART = re.compile(r"(?:[^.。!?！？\n]|[.!?](?=\S))*(?:[.。!?！？\n]|\Z)")


def tells_of_arrival(words: str) -> bool:
    """Whether a sentence says that the message was delivered."""
    if is_stated(_ARRIVED, words):
        return True
    return any(map(words.__contains__, _TREATMENTS)) and is_stated(_PASSED_ON, words)


def tells_of_recovery(words: str) -> bool:
    """Whether a sentence says that a delay is over and the message delivered."""
    if not any(map(words.__contains__, _TROUBLES)):
        return False
    return _RECOVERED.search(words) is not None and tells_of_arrival(words)


def without_attachments(words: str) -> str:
    """The words without what is said of attachments alone: a message arrives without them, too."""
    if "添付" not in words and "attach" not in words:
        return words
    return "".join(clause for clause in _CLAUSES.split(words) if not _OF_ATTACHMENTS.search(clause))


def without_generalities(text: str) -> str:
    """The text without what is said of no one mail: under a condition, as a rule, or denied."""
    return "".join(part for part in _PART.findall(text) if not _GENERAL.search(part.lower()))


def tells_of_holding(words: str) -> bool:
    """Whether a sentence says that the message waits for somebody's decision."""
    return _HELD.search(words) is not None


def tells_of_totals(words: str) -> bool:
    """Whether it counts or tells what became of many mails, as a day's summary does; the counts of one are 0 and 1."""
    if ("一部の" in words or "some " in words) and _SOME_MAILS.search(words):
        return True
    if sum(map(words.__contains__, _OUTCOMES)) < _SEVERAL:
        return False
    if _LISTED_TOTALS.search(words):
        return True
    counts = dict(map(_count, _TOTALS.finditer(words)))
    return len(counts) >= _SEVERAL and not _is_of_one_failure(counts)


def _count(match: re.Match[str]) -> tuple[str, int]:
    """What is counted, and its number."""
    name = match[0].strip(" :：=0123456789件通\n")
    return name, int(re.findall(r"\d+", match[0])[0])


def _is_of_one_failure(counts: dict[str, int]) -> bool:
    """Whether one mail was tried, and failed."""
    failed = sum(number for name, number in counts.items() if any(map(name.__contains__, _FAILURES)))
    return failed == 1 and max(counts.values()) == 1


def is_aggregate(words: str) -> bool:
    """Whether it is a domain's report on many mails: of DMARC (RFC 7489) or of TLS (RFC 8460)."""
    return "report" in words and _AGGREGATE.search(words) is not None


def tells_of_inbox(words: str) -> bool:
    """Whether it is about mails to its reader, and asks for something to be done: a digest, or bait."""
    return any(map(words.__contains__, _LURES)) and _INBOX.search(words) is not None


def tells_of_waiting_mails(words: str) -> bool:
    """Whether it counts mails that wait for its reader, and asks for something to be done: bait quotes codes, too."""
    if not any(map(words.__contains__, _WAITING_SIGNS)) or _WAITING.search(words) is None:
        return False
    return any(map(words.__contains__, _LURES))


def tells_of_moving(words: str) -> bool:
    """Whether a sentence gives another address instead of an old one."""
    return _MOVED.search(words) is not None


def tells_of_absence(words: str) -> bool:
    """Whether a sentence says that nobody is there for the time being."""
    return _ABSENT.search(words) is not None
