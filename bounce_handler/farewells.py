"""Auto-replies that say that nobody reads the address any more: no failure, but something the helpdesk should know."""

from __future__ import annotations

import re
import unicodedata

from bounce_handler.parsing import mime
from bounce_handler.parsing.mail import Mail

_MOST_CHARACTERS = 20_000

_ENGLISH = re.compile(
    r"no longer (?:in use|used|active|monitored|checked|valid|available|works?|working|employed|exists?)"
    r"|no longer (?:with (?:us|the)|at this)"
    r"|not in use any ?more"
    r"|(?:has|have) left (?:the|our|this) (?:company|organi[sz]ation|hospital|clinic|office|team)"
    r"|(?:address|mailbox|account) (?:has been|is being|was|is) (?:closed|retired|discontinued|deactivated|abandoned)"
    r"|e-?mail address has (?:been )?changed",
)
_JAPANESE = re.compile(
    r"(?:アドレス|メール)[^。]{0,30}(?:使用|利用|使)[^。]{0,6}(?:おりません|いません|いただけません|できません|なくなりました)"
    r"|(?:アドレス|アカウント|メールボックス)[^。]{0,20}(?:廃止|閉鎖|変更(?:と|に|いた|しま|され)|停止(?:と|いた|しま|され)|無効)"
    r"|退職(?:いた|しま|し、|してお|のため)|(?:異動|転勤)(?:いたしました|しました|のため|になり)",
)


def says_unused(raw: bytes) -> bool:
    """Whether the text of this auto-reply says so, in English or Japanese."""
    mail = Mail(mime.read(raw))
    text = unicodedata.normalize("NFKC", f"{mail.subject}\n{mail.notice[:_MOST_CHARACTERS]}").lower()
    return bool(_ENGLISH.search(" ".join(text.split())) or _JAPANESE.search("".join(text.split())))
