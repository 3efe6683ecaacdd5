"""Stripe's documented test cards and their behaviour, by number and by token."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TestCard:
    """How a card behaves. `challenge`: requires 3-D Secure first. `code` and `decline_code`: why it is declined.

    `refund`: the status in which its refunds begin, and the one to which they move some time later.
    `trouble`: what comes some time after a payment, and its reason, as `later` names them.
    """

    brand: str
    last4: str
    challenge: bool = False
    code: str = ""
    decline_code: str = ""
    refund: tuple[str, str] = ("succeeded", "succeeded")
    trouble: tuple[str, str] | None = None

    @property
    def declined(self) -> bool:
        return bool(self.code)


def _declined(last4: str, decline_code: str, code: str = "card_declined", *, challenge: bool = False) -> TestCard:
    return TestCard("visa", last4, challenge=challenge, code=code, decline_code=decline_code)


CARDS = {
    "4242424242424242": TestCard("visa", "4242"),
    "4000056655665556": TestCard("visa", "5556"),
    "4000000760000002": TestCard("visa", "0002"),
    "5555555555554444": TestCard("mastercard", "4444"),
    "2223003122003222": TestCard("mastercard", "3222"),
    "378282246310005": TestCard("amex", "0005"),
    "4000000000007726": TestCard("visa", "7726", refund=("pending", "succeeded")),
    "4000000000005126": TestCard("visa", "5126", refund=("succeeded", "failed")),
    "4000000000000259": TestCard("visa", "0259", trouble=("open_dispute", "fraudulent")),
    "4000000000002685": TestCard("visa", "2685", trouble=("open_dispute", "product_not_received")),
    "4000000000001976": TestCard("visa", "1976", trouble=("open_inquiry", "fraudulent")),
    "4000000000005423": TestCard("visa", "5423", trouble=("early_fraud_warning", "unauthorized_use_of_card")),
    "4000000000000002": _declined("0002", "generic_decline"),
    "4000000000009995": _declined("9995", "insufficient_funds"),
    "4000000000009987": _declined("9987", "lost_card"),
    "4000000000009979": _declined("9979", "stolen_card"),
    "4000000000000069": _declined("0069", "expired_card", "expired_card"),
    "4000000000000127": _declined("0127", "incorrect_cvc", "incorrect_cvc"),
    "4000000000000119": _declined("0119", "processing_error", "processing_error"),
    "4000002500003155": TestCard("visa", "3155", challenge=True),
    "4000002760003184": TestCard("visa", "3184", challenge=True),
    "4000000000003220": TestCard("visa", "3220", challenge=True),
    "4000000000003063": TestCard("visa", "3063", challenge=True),
    "4000008400001629": _declined("1629", "generic_decline", challenge=True),
    "4000008260003178": _declined("3178", "insufficient_funds", challenge=True),
}

TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_br": "4000000760000002",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_createDisputeInquiry": "4000000000001976",
    "pm_card_createIssuerFraudRecord": "4000000000005423",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_threeDSecureRequired": "4000000000003063",
    "pm_card_threeDSecureRequiredChargeDeclined": "4000008400001629",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
}

DECLINE_MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}

NumberProblem = Literal["incorrect_number", ""]


def number_problem(digits: str) -> NumberProblem:
    """Why `digits` is not a card number: wrong length or check digit (Luhn)."""
    if not 12 <= len(digits) <= 19 or not digits.isascii() or not digits.isdigit():
        return "incorrect_number"
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return "incorrect_number" if total % 10 else ""
