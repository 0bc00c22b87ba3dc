"""Results that are shown as tables: text, HTML or a pandas frame."""

from abc import ABC, abstractmethod
from html import escape
from textwrap import wrap

from sk_shallow._compat import check_pandas_support

MAX_NUMBER_WIDTH = 12  # longer numbers are shown in exponential notation
STYLE = 'style="white-space: nowrap"'
MAX_WIDTH, MIN_LABEL_WIDTH = 80, 5  # of a line, and of a label in the first column, which is cut if lines are longer


class ShownAsTable(ABC):
    """A result that `print` and notebooks show as a table. None is shown as an empty cell."""

    @abstractmethod
    def _table(self):
        """Return the columns by name, formats of some of them, for example ".2f", and the lines below the table."""

    def __repr__(self):
        columns, formats, notes = self._table()
        cells = _cells(columns, formats)
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        signs = ["<" if any(isinstance(value, str) for value in values) else ">" for values in columns.values()]
        aligned = [f"{sign}{width}" for sign, width in zip(signs, widths, strict=True)]
        lines = ["  ".join(map(format, row, aligned)).rstrip() for row in cells]
        return "\n".join([*lines, "", *(line for note in notes for line in wrap(note, MAX_WIDTH))])

    def _repr_html_(self):
        columns, formats, notes = self._table()
        header, *rows = _cells(columns, formats)
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        below = "".join(f"<p>{escape(note)}</p>" for note in notes)
        return f"<table {STYLE}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


class Table(ShownAsTable):
    """A table of given columns, formats and notes."""

    def __init__(self, *table):
        self.table = table

    def _table(self):
        return self.table


def as_frame(name, index, columns, caller):
    """Return a pandas frame with a named index. Raises ImportError without pandas."""
    pandas = check_pandas_support(caller)
    return pandas.DataFrame(columns, index=pandas.Index(index, name=name))


def cut(text, width):
    """Return a text on one line of at most `width` letters, without its middle if it is longer."""
    text = " ".join(text.split())
    if len(text) <= width:
        return text
    end = (width - 3) // 2
    return f"{text[: width - 3 - end]}...{text[len(text) - end :]}"


def _cells(columns, formats):
    """Return the rows as text, the header first. Labels in the first column are cut to fit in a line."""
    first, *others = [
        [name, *(_cell(value, formats.get(name, "")) for value in values)] for name, values in columns.items()
    ]
    room = MAX_WIDTH - sum(2 + max(map(len, column)) for column in others)
    return list(zip([cut(cell, max(room, MIN_LABEL_WIDTH)) for cell in first], *others, strict=True))


def _cell(value, spec):
    if value is None:
        return ""
    text = format(value, spec)
    return text if not spec or len(text) <= MAX_NUMBER_WIDTH else f"{value:.3g}"
