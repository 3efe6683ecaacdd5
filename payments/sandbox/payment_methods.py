"""Payment methods: the documented test tokens, and cards typed into the sandbox's card fields."""

from datetime import UTC, datetime

from payments.sandbox.cards import CARDS, DECLINE_MESSAGES, TOKENS, TestCard, number_problem
from payments.sandbox.store import Document, Store
from payments.sandbox.wire import ApiError, Params, integer, mapping, missing, new_id, required


def create(store: Store, params: Params) -> Document:
    """Store a card as a token. Only the test card it behaves as is stored, never the number itself."""
    if required(params, "type") != "card":
        raise ApiError(400, "invalid_request_error", "The sandbox supports only cards here.", param="type")
    card = mapping(params, "card")
    number = required(card, "number").replace(" ", "").replace("-", "")
    _check(number, card, datetime.fromtimestamp(store.now(), UTC))
    # Any other well-formed number is declined, like an unknown card.
    behaves_as = number if number in CARDS else "4000000000000002"
    document: Document = {
        "id": new_id("pm"),
        "object": "payment_method",
        "type": "card",
        "created": store.now(),
        "livemode": False,
        "billing_details": mapping(params, "billing_details"),
        "card": {"brand": CARDS[behaves_as].brand, "last4": number[-4:]},
        "_sandbox": {"card": behaves_as},
    }
    return store.add("payment_method", document)


def behaviour(store: Store, token: str) -> TestCard:
    """How the card behind `token` behaves. Raises ApiError if there is none."""
    number = TOKENS.get(token)
    if number is None:
        document = store.get("payment_method", token)
        if document is None:
            raise missing("PaymentMethod", token, param="payment_method", status=400)
        number = str(document["_sandbox"]["card"])
    return CARDS[number]


def of_intent(store: Store, intent: Document) -> TestCard | None:
    """The card that paid an intent, or None if none did."""
    token = intent["_sandbox"].get("token")
    return behaviour(store, token) if token else None


def details(store: Store, intent: Document) -> Document:
    """`payment_method_details` of the intent's charge."""
    card = of_intent(store, intent)
    if card is None:
        return {"type": "pix", "pix": {"bank_transaction_id": None}}
    return {"type": "card", "card": {"brand": card.brand, "last4": card.last4, "network": card.brand}}


def decline(card: TestCard, intent: Document) -> Document:
    """The error document of a declined charge."""
    return {
        "type": "card_error",
        "code": card.code,
        "decline_code": card.decline_code,
        "message": decline_message(card),
        "charge": intent.get("latest_charge"),
    }


def decline_message(card: TestCard) -> str:
    return DECLINE_MESSAGES.get(card.decline_code, "Your card was declined.")


def _check(number: str, card: Params, today: datetime) -> None:
    if number_problem(number):
        raise _card_error("Your card number is incorrect.", "incorrect_number", "number")
    month, year = integer(card, "exp_month"), integer(card, "exp_year")
    if month is None or not 1 <= month <= 12:
        raise _card_error("Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month")
    year = year + 2000 if year is not None and year < 100 else year
    if year is None or (year, month) < (today.year, today.month) or year > today.year + 50:
        raise _card_error("Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")
    cvc = str(card.get("cvc", ""))
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) in {3, 4}):
        raise _card_error("Your card's security code is invalid.", "invalid_cvc", "cvc")


def _card_error(message: str, code: str, param: str) -> ApiError:
    return ApiError(402, "card_error", message, code=code, param=param)
