"""What an import reads from a file: rows to write, rows refused, and what was assumed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.db.models import TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inventory.imports.product_rows import ProductRow


class Subject(TextChoices):
    """What an assumption is about."""

    FILE = "file", gettext_lazy("how the file is written")
    TEXT = "text", gettext_lazy("handles, names and characters")
    SKU = "sku", gettext_lazy("SKUs")
    REPEATED = "repeated", gettext_lazy("repeated lines")
    PRICE = "price", gettext_lazy("prices")
    ON_SALE = "on_sale", gettext_lazy("whether it is for sale")
    STOCK = "stock", gettext_lazy("stock")
    WEIGHT = "weight", gettext_lazy("weights")


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something odd in the file, and what it was taken for: a sentence without its full stop.

    `line` is 0 if it is about the whole file; `column` is the file's own name of it, empty if it is about the line.
    """

    subject: Subject
    line: int
    column: str
    cell: str
    assumed: str

    def of_lines(self, lines: str) -> str:
        """The whole sentence, for all the lines on which the same was assumed of the same."""
        if not self.line:
            return _("Whole file: %(assumed)s.") % {"assumed": self.assumed}
        if not self.column:
            return _("Line %(lines)s: %(assumed)s.") % {"lines": lines, "assumed": self.assumed}
        return _("Line %(lines)s, %(column)s “%(cell)s”: %(assumed)s.") % {
            "lines": lines,
            "column": self.column,
            "cell": _shortened(self.cell),
            "assumed": self.assumed,
        }


@dataclass(frozen=True, slots=True)
class Problem:
    """`line` is the file's line on which the row starts, counted from 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return _("Line %(line)s: %(reason)s.") % {"line": self.line, "reason": self.reason}


@dataclass(slots=True)
class Catalogue:
    """A parsed file: rows to write, problems of refused rows, and assumptions. `rows_read` counts variants."""

    file: str = ""
    rows: list[ProductRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)
    repeated: int = 0

    @property
    def rows_read(self) -> int:
        return len(self.rows) + len(self.problems) + self.repeated

    def sentences(self, subject: Subject, most_lines: int | None = None) -> list[str]:
        """What was assumed of `subject`, each once, in the order of the file, with up to `most_lines` line numbers."""
        lines: dict[Assumption, list[int]] = {}
        for assumption in sorted(self.assumptions, key=lambda assumption: assumption.line):
            if assumption.subject == subject:
                first = replace(assumption, line=min(assumption.line, 1))
                lines.setdefault(first, []).append(assumption.line)
        return [assumption.of_lines(_some(found, most_lines)) for assumption, found in lines.items()]

    def counts(self) -> dict[str, int]:
        """Number of assumptions by subject, in the order of `Subject`."""
        counts = Counter(assumption.subject for assumption in self.assumptions)
        return {subject.value: counts[subject] for subject in Subject if subject in counts}

    def assume(self, assumptions: Iterable[Assumption]) -> None:
        self.assumptions.extend(assumptions)


def _some(lines: list[int], most: int | None) -> str:
    return ", ".join(map(str, lines[:most])) + (" …" if most is not None and len(lines) > most else "")


def _shortened(cell: str) -> str:
    one_line = " ".join(cell.split())
    return one_line if len(one_line) <= 40 else f"{one_line[:39]}…"
