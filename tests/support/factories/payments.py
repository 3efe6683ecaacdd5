"""Payments and attempts as database rows, without a provider."""

from decimal import Decimal

import factory

from payments.models import Payment, PaymentAttempt


class PaymentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Payment

    reference = factory.Sequence(lambda number: f"ORDER{number:06d}")
    amount = Decimal("109.80")
    currency = "BRL"
    provider = "stripe"
    method = "card"


class PaymentAttemptFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = PaymentAttempt

    payment = factory.SubFactory(PaymentFactory)
    method_token = "pm_card_visa"
