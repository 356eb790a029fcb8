"""Search keys: what is typed in full width, half width, capitals or with spaces finds the same (rule 143)."""

from __future__ import annotations

import unicodedata

_LONGEST = 600  # NFKC makes up to 18 characters of one

_KATAKANA_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_SMALL_TO_LARGE = str.maketrans("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかけ")
_LONG_VOWEL = "ー"
_SAME_KANJI = str.maketrans(  # with each change, a migration has to make the keys on record anew
    "澤邊邉齋齊斎髙﨑濱濵廣國櫻會學醫藥嶋嶌眞龍瀨德惠榮圓澁靜條關鐵舘淵彌壽槇栁"
    "𠮷桒嵜槗靍靏籔藪檜曾冨峯淸靑黑莊與萬豐濟壯增緖穗應藏亞實寬來瀧聰禮戶顯彥鄕鄉總當兒齒產內舩"
    "嶽橫鹽鷗蘆賴郞圀團乘勳淨鎭遙晉臺樂狹峽龜巖硏步愼讓鐡鉃桺敎",
    "沢辺辺斉斉斉高崎浜浜広国桜会学医薬島島真竜瀬徳恵栄円渋静条関鉄館渕弥寿槙柳"
    "吉桑崎橋鶴鶴薮薮桧曽富峰清青黒荘与万豊済壮増緒穂応蔵亜実寛来滝聡礼戸顕彦郷郷総当児歯産内船"
    "岳横塩鴎芦頼郎国団乗勲浄鎮遥晋台楽狭峡亀巌研歩慎譲鉄鉄柳教",
)


_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ー", "-"))


def in_one_piece(text: str) -> str:
    """A code or an ID without the spaces that people put into it, and with hyphens for whatever they typed for them."""
    return "".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())


def name_key(text: str) -> str:
    """The key under which a name is found: NFKC, case-folded, without white space. Never shown."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def search_key(text: str) -> str:
    """What a name is searched by: as `name_key`, and hiragana, katakana and their small forms alike, marks and long
    vowels passed over, and the commonest variants of kanji in names taken for each other. Never shown."""
    plain = name_key(text)
    letters = "".join(char for char in plain if char.isalnum() and char != _LONG_VOWEL)
    key = letters.translate(_KATAKANA_TO_HIRAGANA).translate(_SMALL_TO_LARGE).translate(_SAME_KANJI)
    return (key or plain)[:_LONGEST]


def email_key(text: str) -> str:
    """Addresses compare without regard to case."""
    return unicodedata.normalize("NFKC", text).strip().lower()
