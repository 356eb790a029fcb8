"""Finding which of many phrases a text holds, without looking for each of them.

Something short and shared stands for each phrase, and only where a text has that is the phrase looked for. In a
short text that is four letters in a row. Only the rows that begin at every third letter of the text are made, and a
phrase is known by three rows that begin at different remainders of three, so that one of them is met wherever the
phrase stands. In a long text it is the phrase's commonest word: few words are needed to stand for all phrases.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

_LETTERS = 4
_STEP = 3
_SHORT_TEXT = 500
_WORD = re.compile(r"[a-z]{3,}|[^\x00-\x7f]{2,}")

_Group = list[tuple[int, str]]


class PhraseIndex:
    """An ordered collection of lower-case phrases."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self.phrases = tuple(phrases)
        self._too_short = [one for one in enumerate(self.phrases) if len(one[1]) < _LETTERS + _STEP - 1]
        self._by_row = self._grouped_by_rows()
        self._rows = frozenset(self._by_row)
        self._by_word = tuple(self._grouped_by_word().items())
        self._by_ascii_word = tuple(item for item in self._by_word if item[0].isascii())

    def matches(self, text: str) -> list[int]:
        """The numbers of the phrases that the (lower-case) text holds, in their order."""
        if len(text) <= _SHORT_TEXT:
            rows = [text[start : start + _LETTERS] for start in range(0, len(text) - _LETTERS + 1, _STEP)]
            near = [self._by_row[row] for row in self._rows.intersection(rows)]
            near.append(self._too_short)
        else:
            groups = self._by_ascii_word if text.isascii() else self._by_word
            near = [group for word, group in groups if word in text]
        return sorted({order for group in near for order, phrase in group if phrase in text})

    def _grouped_by_rows(self) -> dict[str, _Group]:
        """The rarest row of each remainder stands for a phrase."""
        counts = Counter(row for phrase in self.phrases for row in _rows(phrase))
        groups: dict[str, _Group] = defaultdict(list)
        for order, phrase in enumerate(self.phrases):
            rows = _rows(phrase)
            for remainder in range(_STEP if len(rows) >= _STEP else 0):
                groups[min(rows[remainder::_STEP], key=lambda row: (counts[row], row))].append((order, phrase))
        return dict(groups)

    def _grouped_by_word(self) -> dict[str, _Group]:
        counts = Counter(word for phrase in self.phrases for word in _WORD.findall(phrase))
        groups: dict[str, _Group] = defaultdict(list)
        for order, phrase in enumerate(self.phrases):
            word = max(_WORD.findall(phrase), key=lambda word: (counts[word], word), default=phrase)
            groups[word].append((order, phrase))
        return dict(groups)


def _rows(text: str) -> list[str]:
    return [text[start : start + _LETTERS] for start in range(len(text) - _LETTERS + 1)]
