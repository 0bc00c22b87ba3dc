"""Results that are shown as tables: text, HTML or a pandas frame."""

from abc import ABC, abstractmethod
from html import escape

from sk_shallow._compat import check_pandas_support

MAX_NUMBER_WIDTH = 12  # longer numbers are shown in exponential notation


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
        return "\n".join([*lines, "", *notes])

    def _repr_html_(self):
        columns, formats, notes = self._table()
        header, *rows = _cells(columns, formats)
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        below = "".join(f"<p>{escape(note)}</p>" for note in notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"


def as_frame(columns, caller):
    """Return a pandas frame whose index is the first column. Raises ImportError without pandas."""
    return check_pandas_support(caller).DataFrame(columns).set_index(next(iter(columns)))


def _cells(columns, formats):
    """Return the rows as text, the header first."""
    shown = [[name, *(_cell(value, formats.get(name, "")) for value in values)] for name, values in columns.items()]
    return list(zip(*shown, strict=True))


def _cell(value, spec):
    if value is None:
        return ""
    text = format(value, spec)
    return text if not spec or len(text) <= MAX_NUMBER_WIDTH else f"{value:.3g}"
