"""Reads pages with an independent HTML parser."""

from __future__ import annotations

from html.parser import HTMLParser

from fastapi.testclient import TestClient


class Page(HTMLParser):
    """The rows of tables as texts, and every element with its attributes.

    `cells` has those rows that name their columns (`c-lungs`), as texts by the names of these.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.cells: list[dict[str, str]] = []
        self._column = ""
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
            self.cells.append({})
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
            names = (dict(attrs).get("class") or "").split()
            self._column = next((name[2:] for name in names if name.startswith("c-")), "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False
            if self._column:
                self.cells[-1][self._column] = self.rows[-1][-1]

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {data.strip()}".strip()


def opened(client: TestClient, path: str) -> Page:
    """Return a page, which must be there."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


def csrf(client: TestClient) -> str:
    """Return the token that pages give to their scripts and forms."""
    (body,) = (attributes for tag, attributes in opened(client, "/").elements if tag == "body")
    return body["data-csrf"] or ""


def listed(client: TestClient, path: str = "/") -> list[dict[str, str]]:
    """Return the studies on a page of the list, each as texts by column."""
    return [row for row in opened(client, path).cells if row and row["place"] != "#"]
