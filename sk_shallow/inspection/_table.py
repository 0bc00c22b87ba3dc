"""Tables as text, HTML or a pandas frame."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from sk_shallow._compat import check_pandas_support


@dataclass(frozen=True)
class Table:
    """Columns of values. None is shown as an empty cell."""

    columns: Mapping[str, Sequence[Any]]
    formats: Mapping[str, str] = field(default_factory=dict)  # of some columns, for example ".2f"
    notes: Sequence[str] = ()  # lines below the table

    def cells(self) -> list[list[str]]:
        """Return the rows as text, the header first."""
        shown = [
            [name, *("" if value is None else format(value, self.formats.get(name, "")) for value in values)]
            for name, values in self.columns.items()
        ]
        return [list(row) for row in zip(*shown, strict=True)]

    def __str__(self) -> str:
        cells = self.cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        signs = ["<" if any(isinstance(value, str) for value in values) else ">" for values in self.columns.values()]
        formats = [f"{sign}{width}" for sign, width in zip(signs, widths, strict=True)]
        lines = ["  ".join(map(format, row, formats)).rstrip() for row in cells]
        return "\n".join([*lines, *([""] if self.notes else []), *self.notes])

    def html(self) -> str:
        """Return the table as HTML without styles."""
        header, *rows = self.cells()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def to_frame(self, caller: str) -> Any:
        """Return a pandas frame whose index is the first column. Raises ImportError without pandas."""
        return check_pandas_support(caller).DataFrame(self.columns).set_index(next(iter(self.columns)))


class ShownAsTable(ABC):
    """A result that `print` and notebooks show as a table."""

    @abstractmethod
    def _table(self) -> Table: ...

    def __repr__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table().html()
