"""Tables as people read them: aligned text, HTML, and a pandas frame of the numbers behind them."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from sk_shallow._compat import check_pandas_support

Format = Callable[[Any], str]


class Table:
    """Columns of numbers or words, with the format that each is shown in.

    Parameters
    ----------
    columns : dict of str to sequence
        Values of each column, from top to bottom; None is shown as an empty cell.
    formats : dict of str to callable, default={}
        What shows a value of a column; `str` where there is none.
    notes : sequence of str, default=()
        Lines below the table.
    """

    def __init__(
        self,
        columns: Mapping[str, Sequence[Any]],
        formats: Mapping[str, Format] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.columns = columns
        self.formats = formats or {}
        self.notes = notes

    def cells(self) -> list[list[str]]:
        """Return the rows as they are shown, the header first."""
        shown = [
            [name, *("" if value is None else self.formats.get(name, str)(value) for value in values)]
            for name, values in self.columns.items()
        ]
        return [list(row) for row in zip(*shown, strict=True)]

    def __str__(self) -> str:
        cells = self.cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        words = [any(isinstance(value, str) for value in values) for values in self.columns.values()]
        lines = [
            "  ".join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(row, widths, words, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([*lines, *([""] if self.notes else []), *self.notes])

    def html(self) -> str:
        """Return the table as HTML, without styles of its own."""
        header, *rows = self.cells()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def to_frame(self, caller: str) -> Any:
        """Return a pandas frame; its index is the first column. Raises ImportError without pandas."""
        names = list(self.columns)
        return check_pandas_support(caller).DataFrame(self.columns).set_index(names[0])
