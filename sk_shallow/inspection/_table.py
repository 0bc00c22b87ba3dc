"""Results that are shown as tables: text, HTML or a pandas frame."""

from abc import ABC, abstractmethod
from html import escape
from textwrap import wrap
from unicodedata import east_asian_width

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
        widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
        has_text = [any(isinstance(value, str) for value in values) for values in columns.values()]
        lines = ["  ".join(map(_padded, row, widths, has_text)).rstrip() for row in cells]
        return "\n".join([*lines, "", *(line for note in notes for line in _wrapped(note))])

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
    """Return a text on one line of at most `width` columns of a terminal, without its middle if it is longer."""
    short = text = " ".join(text.split())
    kept = width - 3  # letters
    while _width(short) > width:
        end = kept // 2
        short, kept = f"{text[: kept - end]}...{text[len(text) - end :]}", kept - 1
    return short


def _wrapped(text):
    width = MAX_WIDTH - (_width(text) > len(text))  # a line may break before the null of its last letter
    return [line.replace("\0", "") for line in wrap(_spread(text), width)]


def _width(text):
    """Return the columns that a text takes in a terminal."""
    return len(_spread(text))


def _spread(text):
    """Return a text with a null after each letter that takes two columns, as Chinese, Japanese and Korean ones do."""
    return "".join(letter + "\0" * (east_asian_width(letter) in "WF") for letter in text)


def _padded(text, width, at_the_end):
    space = " " * (width - _width(text))
    return text + space if at_the_end else space + text


def _cells(columns, formats):
    """Return the rows as text, the header first. Labels in the first column are cut to fit in a line."""
    first, *others = [
        [name, *(_cell(value, formats.get(name, "")) for value in values)] for name, values in columns.items()
    ]
    room = MAX_WIDTH - sum(2 + max(map(_width, column)) for column in others)
    return list(zip([cut(cell, max(room, MIN_LABEL_WIDTH)) for cell in first], *others, strict=True))


def _cell(value, spec):
    if value is None:
        return ""
    text = format(value, spec)
    return text if not spec or len(text) <= MAX_NUMBER_WIDTH else f"{value:.3g}"
