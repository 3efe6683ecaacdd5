"""Pages that the sandbox shows to shoppers: the bank's 3-D Secure challenge, and its app that pays a Pix charge."""

from decimal import Decimal
from html import escape
from importlib import resources
from io import BytesIO
from typing import Any

TEXTS = {
    "pt": {
        "lang": "pt-BR",
        "test": "Ambiente de teste: nenhum dinheiro de verdade é movido.",
        "bank": "Banco de teste",
        "3ds_title": "Confirme a compra",
        "3ds_text": "A loja pede {amount} no seu cartão. É você mesmo?",
        "authenticate": "Sim, autorizar",
        "refuse": "Não, recusar",
        "3ds_over": "Esta confirmação já foi respondida.",
        "back": "Voltar à loja",
        "pix_title": "Pagar com Pix",
        "pix_text": "Aqui está o aplicativo do banco de teste. O valor é {amount}.",
        "pay": "Pagar {amount}",
        "pix_paid": "Pagamento feito. Pode voltar à loja.",
        "pix_over": "Este código expirou ou foi cancelado. Nada foi cobrado.",
        "missing": "Esta cobrança não existe.",
    },
    "en": {
        "lang": "en",
        "test": "Test environment: no real money moves.",
        "bank": "Test bank",
        "3ds_title": "Confirm the purchase",
        "3ds_text": "The shop wants to charge {amount} to your card. Is this you?",
        "authenticate": "Yes, authorize",
        "refuse": "No, decline",
        "3ds_over": "You have already answered this request.",
        "back": "Back to the shop",
        "pix_title": "Pay with Pix",
        "pix_text": "This is the test bank's app. The amount is {amount}.",
        "pay": "Pay {amount}",
        "pix_paid": "Paid. You can go back to the shop.",
        "pix_over": "This code has expired or was cancelled. Nothing was charged.",
        "missing": "This charge does not exist.",
    },
}

Texts = dict[str, str]


def texts(accept_language: str) -> Texts:
    """The texts in the browser's first language that is Portuguese or English; Portuguese by default."""
    for part in accept_language.lower().split(","):
        language = part.split(";")[0].strip()[:2]
        if language in TEXTS:
            return TEXTS[language]
    return TEXTS["pt"]


def asset(name: str) -> bytes:
    """A file of the package's `static` directory."""
    return (resources.files("payments.sandbox") / "static" / name).read_bytes()


def challenge(say: Texts, intent: dict[str, Any], back: str) -> str:
    """The 3-D Secure page; without the form if it was already answered."""
    amount = money(say, intent["amount"], intent["currency"])
    if intent["status"] != "requires_action":
        body = f'<p>{say["3ds_over"]}</p><p><a class="button" href="{escape(back)}">{say["back"]}</a></p>'
    else:
        body = (
            f"<p>{say['3ds_text'].format(amount=f'<strong>{amount}</strong>')}</p>"
            '<form method="post">'
            f'<button name="answer" value="authenticate">{say["authenticate"]}</button>'
            f'<button name="answer" value="refuse" class="quiet">{say["refuse"]}</button>'
            "</form>"
        )
    return page(say, say["3ds_title"], body)


def bank_app(say: Texts, intent: dict[str, Any], *, payable: bool) -> str:
    """The bank's app with the Pix charge; without the button if it can no longer be paid."""
    amount = money(say, intent["amount"], intent["currency"])
    if intent["amount_received"]:
        body = f"<p>{say['pix_paid']}</p>"
    elif not payable:
        body = f"<p>{say['pix_over']}</p>"
    else:
        body = (
            f"<p>{say['pix_text'].format(amount=f'<strong>{amount}</strong>')}</p>"
            f'<form method="post"><button name="answer" value="pay">{say["pay"].format(amount=amount)}</button></form>'
        )
    return page(say, say["pix_title"], body)


def not_found(say: Texts) -> str:
    return page(say, say["bank"], f"<p>{say['missing']}</p>")


def page(say: Texts, title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{say["lang"]}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title>"
        '<link rel="stylesheet" href="/_sandbox/static/bank.css"></head><body><main>'
        f'<p class="bank">{say["bank"]}</p><h1>{title}</h1>{body}<p class="note">{say["test"]}</p></main></body></html>'
    )


def money(say: Texts, minor: int, currency: str) -> str:
    text = f"{Decimal(minor).scaleb(-2):,.2f}"
    if say["lang"] == "pt-BR":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"{'R$' if currency == 'brl' else currency.upper()}\u00a0{text}"


def qr_picture(text: str) -> bytes:
    """`text` as a QR code in SVG."""
    # Imported here because it is rarely needed and slows down the start.
    import segno

    picture = BytesIO()
    segno.make(text, error="m").save(picture, kind="svg", scale=6, border=4, light="#fff")
    return picture.getvalue()
