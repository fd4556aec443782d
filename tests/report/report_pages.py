"""Short runs to report on, and a reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = frozenset({"meta", "img", "br", "link", "input"})


class Page(HTMLParser):
    """A page read strictly: every element is closed by its own end tag. Gathers text, ids and what is loaded."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.words: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "srcset", "data", "action", "poster") or name.endswith(":href"):
                self.loaded.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


def assert_offline(page: Page) -> None:
    """The page loads nothing, and says so to the browser."""
    outside = [target for target in page.loaded if not target.startswith(("data:image/png;base64,", "#"))]
    assert outside == []
    assert "http:" not in page.source
    assert "https:" not in page.source
    assert "@import" not in page.source
    assert page.source.count("url(") == page.source.count("url(#")
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(page.tags)
    assert "default-src 'none'" in page.source
    assert len(set(page.ids)) == len(page.ids)
