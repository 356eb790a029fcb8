"""Replies of servers that running text quotes, told from the other numbers that stand in mails.

Extensions, rooms, versions and tallies look like codes. A number is a code by where it stands: joined with another
code of its class, behind an address, a host or a word such as "said", or where a line, sentence or quotation begins
and goes on in the words of a reply.
"""

from __future__ import annotations

import re
from itertools import islice

from bounce_handler.parsing import addresses, replies

_BEFORE = 100
_BEHIND = 120
_NEAR = 28
MAX_NUMBERS = 60
"""Numbers of the form of a code that are looked at in one text."""
MAX_QUOTING = 32 * 1024
"""Characters of a notice in which a refusal is looked for."""

_JOINED = re.compile(r"(?:[\s\-:,.<(\[#'\"/=]{1,4}|[ \t]{0,4}\n[ \t>]{0,12})[245]\.\d{1,3}\.\d{1,3}(?![.\d])")
_JOINED_BEFORE = re.compile(
    r"(?<!\d)[245][0-5]\d(?:[\s\-:<(\[#'\"/=]{1,4}|[ \t]{0,4}\n[ \t>]{0,12})\Z|(?<![^\s(\[<])#\Z"
)
_SPEAKER = re.compile(
    r"(?:(?<![a-z])(?:said|says|error (?:message|text)|returned|responded|response|replied|reply|answer(?:ed)?"
    r"|code|error(?: no\.?)?|status|smtp|esmtp|reason|diagnostic-code|dsn|out|rc|err)"
    r"|(?:コード|応答|エラー|理由|原因|ステータス|返答)(?:番号|コード)?[はが]?|<<<|<--|<-"
    r"|(?:\b(?:deferred|failed|failure|rejected|refused|undeliverable|bounced|problem|message|server|cause|details?)"
    r"|内容|詳細|結果|状況|メッセージ|サーバー?)\s?[:：])"
    r"[\s:;=：；'\"(（\[【「『#<>*-]{0,6}\Z",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    rf"{addresses.PATTERN}[>)\]\"'』」]{{0,3}}(?:[ \t]?[:;,=：、→-][\s\"'(（\[【*]{{0,6}}"
    r"|\.\.\.[ \t]?)\Z"
)
_ADDRESS_BEFORE_BRACKET = re.compile(rf"{addresses.PATTERN}[>)\]\"'』」]{{0,3}}[ \t]?[(（\[【|][ \t]?\Z")
_TOLD = re.compile(
    r"(?:unknown|full|failed|failure|rejected|refused|denied|error|exist|found|exceeded|unavailable|undeliverable"
    r"|delivered|不明|(?:[配送]信|配送|届|存在し|見つか)[^。\n]{0,10}(?:ません|でした|ない)|一杯|いっぱい|超過|拒否|拒絶|失敗|不能|不達|エラー|無効|NG|ＮＧ)"
    r"[.。、]?[ \t]?[(（\[【]\Z",
    re.IGNORECASE,
)
_LEADS_TO_ADDRESS = re.compile(rf"(?:[\])）】][:： \t]{{0,3}}|[:：][ \t]?)[<＜]?{addresses.PATTERN}")
_BRACKETED = re.compile(r"\n[\s>|*・]{0,20}[\[(（【]\Z")
_FIRST = re.compile(r"\n[\s>|*・\[(（【]{0,20}\Z")
_ADDRESS_BESIDE = re.compile(rf"{addresses.PATTERN}[>)\]\"'』」]{{0,3}}(?:[ \t]{{1,8}}|[ \t]{{0,8}}\n[ \t]{{0,8}})\Z")
_HOST = re.compile(r"(?:\[[\w.:]{2,45}\]|[\w-]+\.[a-z]{2,})[)>]?(?::|[ \t]?->)[\s\"']{0,6}\Z", re.IGNORECASE)
_BEGINS = re.compile(r"(?:[\n;,.!?()\[\]{}<>|*\"'`=#~“‘；、。，．（「『【・→>-])[\s>|*\"'-]{0,20}\Z")
_LABELLED = re.compile(r"[:：][\s\"'「]{0,8}\Z")
_LETTERS = re.compile(r"[ :,-]{0,3}[<\"'\[]?[A-Za-z]{2}")
_CITED = re.compile(r"(?:(?<=\w)|(?<=\w ))(?:「[^「」\n]{0,200}」|『[^『』\n]{0,200}』|[\"“][^\"“”\n]{0,200}[\"”])")
_CLOSING = (")", "）", "]", "」", "】")
_CONTINUED = re.compile(r"-[A-Za-z]{2}")
_WORDS = re.compile(
    r"\b(?:user|mailbox|mail|e-?mail|message|messages|recipients?|address|addressee|account|sender|domain|host|hostname|relay"
    r"|relaying|service|server|system|connection|command|parameters?|sequence|syntax|authenticat\w*|authoriz\w*|access"
    r"|action|transaction|policy|quota|storage|space|size|limit|spam|virus|content|header|attachment|subject|reputation"
    r"|black\w*|block\w*|banned|listed|denied|deny|reject\w*|refused?|refusing|fail\w*|error|invalid|unknown|unrouteable"
    r"|unroutable|undeliver\w*|unavailable|unable|unsolicited|unauth\w*|disabled|inactive|suspended|expired|closed|full"
    r"|exceed\w*|over|too|temporar\w*|permanent\w*|try|later|timeout|timed|greylist\w*|graylist\w*|deferred|delivery"
    r"|delivered|accept\w*|allowed|permitted|prohibited|supported|implemented|exist\w*|found|such|cannot|can't|can not"
    r"|couldn't|could not|does not|doesn't|is not|not|no|need|required?|requires|must|sorry|local|mx|dns|ptr|reverse"
    r"|helo|ehlo|spf|dkim|dmarc|tls|starttls|rcpt|data|resources?|loop\w*|hops|http|https|blacklist\w*|customer"
    r"|destinatai?re|adresse|boîte|benutzer|postfach|empfänger|usuario|buzón)\b"
    r"|宛先|あて先|受信者|拒否|不明(?:$|です|の?ため|で)|存在し|見つか|一杯|いっぱい|満杯|超過|容量|無効|失敗|エラー|ブロック"
    r"|できません|タイムアウト|迷惑メール|收件人|邮箱|郵箱|信箱|用户|使用者|不存在|拒绝|拒絕|수신자|사용자|메일|пользовател|получател|ящик|empfänger",
    re.IGNORECASE,
)
_OPENS_REPLY = re.compile(
    r"[ -]{1,2}(?:<[^<>\n]{1,80}>[.:]{0,3} )?(?:the |this |that |your |requested |sorry,? |invalid |unknown |no "
    r"|no such |recipient |user |mailbox |message |mail |e-?mail |sender |relay |relaying |access |address |account "
    r"|delivery |domain |host |service |quota |over quota|unable |permanent |temporary |too )"
    r"\W?(?:(?:user|mailbox|recipient|address|account|mail|message|e-?mail|sender|host|domain|relay|relaying|service|quota"
    r"|action|failure|error|policy|is|was|has|not|does|doesn't|unknown|rejected|refused|denied|blocked|full|exceeded"
    r"|unavailable|disabled|such|here|to|size|many|large|later|invalid|failed)\b)",
    re.IGNORECASE,
)


def smtp_code(text: str) -> int | None:
    """The first SMTP failure reply that the text quotes."""
    found = islice(replies.codes(text), MAX_NUMBERS)
    return next((int(match[1]) for match in found if _is_reply(text, match)), None)


def status(text: str) -> str:
    """The enhanced status code that the text quotes: the first of a failure, else any, else an empty string."""
    found = islice(replies.statuses(text), MAX_NUMBERS)
    return replies.preferred(match[1] for match in found if _is_status(text, match))


def refuses(text: str) -> bool:
    """Whether it quotes a refusal of its own, and not one that a sentence cites in quotation marks."""
    return quotes_refusal(_CITED.sub(" ", text[:MAX_QUOTING]))


def quotes_refusal(text: str) -> bool:
    """Whether it quotes a 4xx or 5xx reply or status code."""
    told = text[:MAX_QUOTING]
    return smtp_code(told) is not None or status(told)[:1] in ("4", "5")


def _is_reply(text: str, match: re.Match[str]) -> bool:
    behind = text[match.end(1) : match.end(1) + _BEHIND]
    return _JOINED.match(behind) is not None or _stands(text, match, behind)


def _is_status(text: str, match: re.Match[str]) -> bool:
    if _JOINED_BEFORE.search(text[max(0, match.start(1) - 20) : match.start(1)]):
        return True
    return _stands(text, match, text[match.end(1) : match.end(1) + _BEHIND]) or _follows_code(text, match)


def _follows_code(text: str, match: re.Match[str]) -> bool:
    """Whether a reply code of the same class stands before it on its line."""
    line = _before(text, match.start(1)).rpartition("\n")[2]
    code = smtp_code(line)
    return code is not None and str(code)[0] == match[1][0]


def _stands(text: str, match: re.Match[str], behind: str) -> bool:
    """Whether it stands where a reply does."""
    before = _before(text, match.start(1))
    line = behind.partition("\n")[0]
    near = before[-_NEAR:]
    if _SPEAKER.search(near) or ((":" in near[-8:] or ">" in near[-8:]) and _HOST.search(before)):
        return True
    if "@" in before and (_ADDRESS.search(before) or (_LETTERS.match(line) and _ADDRESS_BESIDE.search(before))):
        return True
    if "@" in before and _ADDRESS_BEFORE_BRACKET.search(before):
        return _WORDS.search(line) is not None
    return _begins(near, line) or _OPENS_REPLY.match(line) is not None


def _begins(near: str, line: str) -> bool:
    """Whether line, sentence, quotation or label begins there, and goes on in the words of a reply."""
    if _TOLD.search(near) and line.startswith(_CLOSING):
        return True
    if _FIRST.search(near) and _LEADS_TO_ADDRESS.match(line):
        return True
    if _BEGINS.search(near):
        return (not line.startswith(_CLOSING) or _BRACKETED.search(near) is not None) and bool(
            _CONTINUED.match(line) or _WORDS.search(line)
        )
    return bool(_LABELLED.search(near) and _LETTERS.match(line) and _WORDS.search(line[:_NEAR]))


def _before(text: str, at: int) -> str:
    """What stands before this place; the start of the text is that of a line."""
    before = text[at - _BEFORE : at] if at >= _BEFORE else f"\n{text[:at]}"
    return before.removesuffix("E")  # E550, as gateways number their errors
