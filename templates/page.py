"""An HTML mail as its reader sees it: the text, the links, and what would be fetched or run."""

from __future__ import annotations

from html.parser import HTMLParser

_UNSEEN = frozenset({"style", "title", "script"})


class Page(HTMLParser):
    """A parsed HTML mail."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        """Each run of visible text between two tags, stripped, none empty."""
        self.links: list[tuple[str, str]] = []
        """Target and visible text of each link."""
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self._hidden = 0
        self._href: str | None = None
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """All that is seen, a line for each run of text."""
        return "\n".join(self.texts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what it says of itself."""
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        self._hidden += tag in _UNSEEN
        if tag == "a":
            self._href = dict(attrs).get("href") or ""
            self.links.append((self._href, ""))

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        self._hidden -= tag in _UNSEEN
        if tag == "a":
            self._href = None

    def handle_data(self, data: str) -> None:
        """Note text that is seen."""
        if self._hidden:
            return
        if self._href is not None:
            self.links[-1] = (self._href, self.links[-1][1] + data)
        if data.strip():
            self.texts.append(data.strip())
