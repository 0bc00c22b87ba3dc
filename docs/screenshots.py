"""Look at the built site with Chromium: ``python docs/screenshots.py docs/_build screenshots``.

It writes screenshots of some pages, at 1,280, 760 and 420 pixels, light and dark. It checks all pages, and fails if

- a header cell is empty,
- a page scrolls sideways,
- a table, a formula or text output is wider than its box at 1,280 pixels, or a small table at 760 or 420 pixels,
- a name breaks in the middle, although a line has room for it.

It needs Playwright: ``pip install playwright && playwright install chromium``. If you have another Chromium, give its
path in the environment variable CHROMIUM.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS = (1280, 760, 420)
SHOWN = [
    "index",
    "comparing_activations",
    "api",
    "generated/sk_shallow.ShallowNetClassifier",
    "auto_examples/index",
    "auto_examples/ship/plot_tabular",
    "auto_examples/understand/plot_course_1_by_hand",
    "auto_examples/understand/plot_course_2_hidden_units",
]

# Returns descriptions of the faults of a page.
CHECKS = """(narrow) => {
  const found = [], article = document.querySelector(".bd-article") ?? document.body;
  const start = (node) => node.textContent.trim().slice(0, 60).replaceAll("\\n", " / ");
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth) found.push("the page scrolls sideways");
  for (const cell of article.querySelectorAll("th")) if (!cell.textContent.trim()) found.push("an empty header cell");
  const output = ".highlight-none pre, .highlight-text pre, .highlight-default pre";
  const boxes = narrow ? "table.stacked" : `${output}, .pst-scrollable-table-container, div.formula`;
  for (const box of article.querySelectorAll(boxes)) {
    if (/^(>>>|def |class |@)/.test(box.textContent)) continue; // code may scroll
    const room = narrow ? article.clientWidth : box.clientWidth;
    if (box.scrollWidth > room + 1) found.push(`clipped by ${box.scrollWidth - room} pixels: ${start(box)}`);
  }
  for (const part of document.querySelectorAll("article code, dt.sig, dl.field-list dt strong, .bd-toc a")) {
    const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT), range = document.createRange();
    const style = getComputedStyle(part), context = document.createElement("canvas").getContext("2d");
    context.font = style.font;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (const name of node.data.matchAll(/\\w+/g)) {
        range.setStart(node, name.index);
        range.setEnd(node, name.index + name[0].length);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        const room = (part.closest("dl, table, .bd-toc") ?? article).clientWidth;
        const fits = context.measureText(name[0]).width < room - 40;
        if (lines.size > 1 && fits) found.push(`a broken name: ${name[0]}`);
      }
    }
  }
  return [...new Set(found)];
}"""


def look(browser, root, folder):
    """Write the screenshots, and yield the faults of all pages."""
    pages = sorted(path for path in root.rglob("*.html") if "_static" not in path.parts)
    for width in WIDTHS:
        for theme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
            tab = context.new_page()
            for path in pages:
                name = path.relative_to(root).with_suffix("").as_posix()
                if theme == "dark" and name not in SHOWN:
                    continue
                tab.goto(path.as_uri())
                if name in SHOWN:
                    tab.screenshot(path=folder / f"{name.replace('/', '-')}-{width}-{theme}.png", full_page=True)
                if theme == "light":
                    yield from (f"{name}, {width} pixels: {fault}" for fault in tab.evaluate(CHECKS, width < 1280))
            context.close()


def main(root, folder):
    """Return whether a page has a fault."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"])
        faults = list(look(browser, root, folder))
        browser.close()
    print("\n".join(faults) or "All pages look as they should.")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2])))
