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
    rf"|(?:正常に|無事に?)[^。\n]{{0,12}}(?:{DELIVER}|届)"
)
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
_OUTCOMES = (
    *("delivered", "bounced", "deferred", "rejected", "failed"),
    *("配信", "送信", "受信", "不達", "失敗", "エラー", "遅延", "拒否"),
)
_TOTALS = re.compile(
    r"(?:^|\s)(?:delivered|bounced|deferred|rejected|failed)(?: (?:mails|messages))?[ :：=]{1,3}\d{1,7}\b"
    r"|(?:配信|送信|受信|不達|失敗|エラー|遅延|拒否)(?:済み|成功|完了|失敗|件数|数|通数)?[ :：=]{0,3}\d{1,7} ?[件通]"
)
_INBOX = re.compile(
    r"\b(?:incoming|pending|\d{1,4}\)?) (?:undelivered |incoming |pending |new |unread )*(?:messages|e-?mails|mails)\b"
    r"|\bto your (?:inbox|mailbox)|\byour (?:mailbox|inbox|e-?mail account|storage|mail quota|password)\b"
    r"[^.。\n]{0,60}\b(?:full|exceeded|expire|limit|suspend|upgrade|deactivat|verif)"
    r"|(?:お客様|あなた|貴方|ご利用)の(?:メールボックス|メールアカウント|受信箱|受信トレイ)"
    r"[^。\n]{0,30}(?:容量|一杯|いっぱい|上限|停止|期限|更新|認証|無効)"
    r"|(?:保留|未配信|未受信|受信保留)(?:中|された|の)*メール[^。\n]{0,10}\d{1,4} ?[件通]"
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


def tells_of_arrival(words: str) -> bool:
    """Whether a sentence says that the message was delivered."""
    if is_stated(_ARRIVED, words):
        return True
    return any(map(words.__contains__, _TREATMENTS)) and is_stated(_PASSED_ON, words)


def tells_of_holding(words: str) -> bool:
    """Whether a sentence says that the message waits for somebody's decision."""
    return _HELD.search(words) is not None


def tells_of_totals(words: str) -> bool:
    """Whether it counts what became of many mails, as a day's summary does."""
    if sum(map(words.__contains__, _OUTCOMES)) < _SEVERAL:
        return False
    return len({match[0].strip(" :：=0123456789件通") for match in _TOTALS.finditer(words)}) >= _SEVERAL


def tells_of_inbox(words: str) -> bool:
    """Whether it is about mails to its reader, and asks for something to be done: a digest, or bait."""
    return any(map(words.__contains__, _LURES)) and _INBOX.search(words) is not None


def tells_of_absence(words: str) -> bool:
    """Whether a sentence says that nobody is there for the time being."""
    return _ABSENT.search(words) is not None
