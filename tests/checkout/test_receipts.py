"""The receipt's PDF: what it says, and how a worker makes it."""

import zlib
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone, translation

from checkout import receipt_pdf, receipts
from checkout.exceptions import OrderNotFound
from checkout.models import Order, Receipt, ReceiptState
from checkout.models.receipts import MAX_TRIES, RETRY_AFTER
from checkout.receipt_facts import facts_of
from checkout.receipt_pdf import in_letters
from checkout.tasks import make_receipts
from shipping import tax_ids
from tests.support.backoffice import order, refund_of
from tests.support.factories.inventory import CategoryFactory, ProductFactory
from tests.support.pdf import texts_of

pytestmark = pytest.mark.django_db(transaction=True)


def made_for(placed: Order, language: str = "pt-br") -> Receipt:
    receipts.ask(placed, language)
    make_receipts()
    return Receipt.objects.get(order=placed)


def said(receipt: Receipt) -> str:
    return texts_of(bytes(receipt.pdf or b"")).replace("\u00a0", " ")


def test_it_says_who_paid_what_for_what() -> None:
    mug = ProductFactory(name="Caneca de ágata", sku="CANECA-AZUL", price="49.90", stock=5)
    placed = order(products=[mug])
    text = said(made_for(placed))
    total = f"R$ {placed.total}".replace(".", ",")
    for part in (placed.number, placed.name, placed.email, placed.street, "CANECA-AZUL", "Caneca de ágata", total):
        assert part in text, part
    assert "Recibo do pedido" in text
    assert f"CPF {placed.masked_tax_id}" in text
    assert tax_ids.display(placed.tax_id) not in text
    assert placed.tax_id not in text
    assert "Receipt of order" in said(made_for(placed, "en"))


def test_it_says_who_sells(settings: Any) -> None:
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Louças & Cia Ltda.", "11.222.333/0001-81"
    settings.SELLER_ADDRESS, settings.SELLER_EMAIL = "Rua do Ouro, 7, Recife – PE", "loja@loucas.example"
    text = said(made_for(order()))
    for line in ("Louças & Cia Ltda.", "CNPJ 11.222.333/0001-81", "Rua do Ouro, 7, Recife – PE", "loja@loucas.example"):
        assert line in text


def test_every_line_of_a_long_order_is_on_it() -> None:
    shelf = CategoryFactory()
    small = {"weight_grams": 100, "length_cm": 5, "width_cm": 5, "height_cm": 5}
    goods = ProductFactory.create_batch(50, stock=5, category=shelf, **small)
    receipt = made_for(order(products=goods))
    text = said(receipt).replace("\n", " ")
    assert [product.sku for product in goods if product.sku not in text] == []
    assert bytes(receipt.pdf or b"").count(b"/Type /Page\n") > 1


def test_letters_that_the_fonts_lack_are_written_in_others() -> None:
    assert in_letters("Łukasz – São João, R$\u00a05 €") == "Lukasz – São João, R$\u00a05 €"
    assert in_letters("Анна 李") == "Anna Li"
    assert in_letters("🙂").encode("cp1252")


def test_an_order_that_is_not_paid_has_none() -> None:
    with pytest.raises(OrderNotFound):
        receipts.ask(order("declined"), "en")
    assert not Receipt.objects.exists()


def test_a_refund_makes_it_out_of_date() -> None:
    placed = order()
    made_for(placed)
    assert _found(placed) is not None
    with transaction.atomic():
        refund_of(placed)
    assert _found(placed) is None
    assert "Reembolso de R$ 1,00" in said(made_for(placed))
    assert _found(placed) is not None


def _found(placed: Order) -> Receipt | None:
    with translation.override("pt-br"):
        loaded = Order.objects.with_everything().get(pk=placed.pk)
        return receipts.find(loaded, facts_of(loaded))


def test_one_that_cannot_be_made_is_tried_again_later_and_then_given_up(monkeypatch) -> None:
    placed, other = order(), order()
    receipts.ask(placed, "pt-br")
    with monkeypatch.context() as broken:
        broken.setattr(receipt_pdf, "draw", lambda *_: 1 / 0)
        for tried in range(1, MAX_TRIES + 1):
            with time_machine.travel(timezone.now() + tried * (RETRY_AFTER + timedelta(seconds=1)), tick=False):
                make_receipts()
                make_receipts()
                assert Receipt.objects.get(order=placed).tries == tried
    later = timezone.now() + (MAX_TRIES + 2) * (RETRY_AFTER + timedelta(seconds=1))
    with time_machine.travel(later, tick=False):
        assert Receipt.objects.get(order=placed).state == ReceiptState.FAILED
        assert made_for(other).state == ReceiptState.MADE
        assert Receipt.objects.get(order=placed).state == ReceiptState.FAILED
        assert made_for(placed).state == ReceiptState.MADE


def test_what_is_asked_for_anew_while_it_is_made_is_made_again(monkeypatch) -> None:
    placed = order()
    draw = receipt_pdf.draw

    def meanwhile(*args: object) -> bytes:
        if not asked:
            asked.append(True)
            receipts.ask(placed, "en")
        return draw(*args)  # type: ignore[arg-type]

    asked: list[bool] = []
    monkeypatch.setattr(receipt_pdf, "draw", meanwhile)
    assert "Receipt of order" in said(made_for(placed, "pt-br"))


def test_a_pdf_is_read_whose_compressed_text_ends_with_a_carriage_return() -> None:
    texts = ("a" * number for number in range(256))
    packed = ((text, zlib.compress(f"({text}) Tj".encode())) for text in texts)
    text, stream = next((text, stream) for text, stream in packed if stream.endswith(b"\r"))
    assert texts_of(b"%PDF-\nstream\n" + stream + b"\nendstream\n%%EOF") == text
