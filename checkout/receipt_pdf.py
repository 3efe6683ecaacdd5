"""Draws a receipt as PDF, on A4, with the fonts that every reader has. For workers: it takes a moment."""

from datetime import datetime
from typing import TYPE_CHECKING

from anyascii import anyascii
from django.utils.translation import gettext as _

from checkout.receipt_facts import ReceiptFacts, ReceiptLine

if TYPE_CHECKING:
    from fpdf import FPDF

# What the readers' own fonts can show; other letters are written in these (Łukasz as Lukasz).
ENCODING = "cp1252"
FONT = "Helvetica"
INK, SOFT, RULE = (20, 32, 30), (81, 96, 93), (216, 223, 220)
MARGIN = 18
ROW = 6


def draw(receipt: ReceiptFacts, made_at: datetime) -> bytes:
    """The PDF. The same receipt of the same moment is the same file."""
    from fpdf import FPDF  # only workers draw, and it takes memory

    pdf = FPDF(format="A4")
    pdf.core_fonts_encoding = ENCODING
    pdf.set_margin(MARGIN)
    pdf.set_auto_page_break(True, MARGIN)
    pdf.set_title(in_letters(receipt.title))
    pdf.set_lang(receipt.language)
    pdf.set_creation_date(made_at)
    pdf.add_page()
    _heading(pdf, receipt)
    _facts(pdf, receipt)
    _lines(pdf, receipt.lines)
    _sums(pdf, receipt.sums)
    for text in receipt.refunds:
        _text(pdf, text)
    pdf.ln(ROW)
    _text(pdf, receipt.note, size=9, colour=SOFT)
    return bytes(pdf.output())


def in_letters(text: str) -> str:
    """`text` in letters that the fonts have."""
    return "".join(letter if _has(letter) else anyascii(letter) for letter in text)


def _has(letter: str) -> bool:
    try:
        letter.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def _text(pdf: "FPDF", text: str, *, size: int = 10, style: str = "", colour: tuple[int, int, int] = INK) -> None:
    """A paragraph over the whole width."""
    pdf.set_font(FONT, style, size)
    pdf.set_text_color(*colour)
    pdf.multi_cell(0, size * 0.5, in_letters(text), new_x="LMARGIN", new_y="NEXT", align="L")


def _heading(pdf: "FPDF", receipt: ReceiptFacts) -> None:
    for at, line in enumerate(receipt.seller):
        _text(pdf, line, size=9 if at else 12, style="" if at else "B", colour=SOFT if at else INK)
    pdf.ln(ROW)
    _text(pdf, receipt.title, size=18, style="B")
    pdf.ln(ROW / 2)


def _facts(pdf: "FPDF", receipt: ReceiptFacts) -> None:
    for label, value in receipt.facts:
        pdf.set_font(FONT, "", 10)
        pdf.set_text_color(*SOFT)
        pdf.cell(40, ROW, in_letters(label))
        pdf.set_text_color(*INK)
        pdf.multi_cell(0, ROW, in_letters(value), new_x="LMARGIN", new_y="NEXT", align="L")
    pdf.ln(ROW / 2)
    _text(pdf, _("Buyer"), style="B")
    for line in receipt.buyer:
        _text(pdf, line)
    pdf.ln(ROW)


def _lines(pdf: "FPDF", lines: list[ReceiptLine]) -> None:
    """A table that repeats its heading on each page."""
    pdf.set_font(FONT, "", 10)
    pdf.set_text_color(*INK)
    pdf.set_draw_color(*RULE)
    headings = (_("Quantity"), _("Product"), _("Each"), _("Total"))
    with pdf.table(
        borders_layout="HORIZONTAL_LINES",
        col_widths=(22, 88, 32, 32),
        text_align=("LEFT", "LEFT", "RIGHT", "RIGHT"),
        line_height=ROW,
        padding=1,
    ) as table:
        table.row([in_letters(heading) for heading in headings])
        for line in lines:
            name = f"{line.name} ({line.sku})"
            table.row([str(line.quantity), *(in_letters(text) for text in (name, line.unit_price, line.total))])
    pdf.ln(ROW / 2)


def _sums(pdf: "FPDF", sums: list[tuple[str, str]]) -> None:
    for at, (label, value) in enumerate(sums):
        is_total = at == len(sums) - 1
        pdf.set_font(FONT, "B" if is_total else "", 12 if is_total else 10)
        pdf.cell(pdf.epw - 40, ROW + is_total, in_letters(label), align="R")
        pdf.cell(40, ROW + is_total, in_letters(value), align="R", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(ROW)
