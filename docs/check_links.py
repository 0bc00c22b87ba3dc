"""Check all pages of the built site: ``python docs/check_links.py docs/_build``.

Internal links must work, and every column of a table must have a name.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links, the anchors and the number of empty header cells of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.n_empty_headers, self.header = [], set(), 0, None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.header = "" if tag == "th" else self.header
        for name, value in attrs:
            if name in ("id", "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)

    def handle_data(self, data):
        self.header = None if self.header is None else self.header + data

    def handle_endtag(self, tag):
        if tag == "th":
            self.n_empty_headers += not self.header.strip()
            self.header = None


def faults(root):
    """Return the broken links and empty header cells, each with its page."""
    pages = {path: Page(path) for path in root.rglob("*.html") if "_static" not in path.parts}
    found = []
    for path, page in pages.items():
        name = path.relative_to(root)
        found += [f"{name}: {page.n_empty_headers} empty header cells"] * bool(page.n_empty_headers)
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            anchors = pages[target].anchors if target in pages else None
            anchor_missing = parts.fragment and anchors is not None and parts.fragment not in anchors
            if not target.exists() or anchor_missing:
                found.append(f"{name}: broken link {link}")
    return found


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]).resolve())
    print("\n".join(found) or "All internal links work, and every column has a name.")
    sys.exit(bool(found))
