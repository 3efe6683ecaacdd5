"""A carrier's prices, from a real process: used if it answers, replaced by the rate table if it does not."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import transaction
from django.utils import translation

from config.db.locks import NetworkCallInTransaction
from config.resilience.breakers import FAILURES_BEFORE_OPENING, breaker
from shipping import carriers
from shipping.exceptions import ShippingUnavailable
from shipping.parcels import Parcel
from shipping.services import choose, known_options, make_quote, options
from tests.support.carrier import StandInCarrier, at_most
from tests.support.factories.shipping import MANAUS, SAO_PAULO, ParcelItemFactory, load_rates, parcel

pytestmark = pytest.mark.django_db

BY_TABLE = ["economica", "expressa"]
# The timeout of a call, and what a busy machine may add.
DEADLINE = 0.4
# What hangs does so for a minute; the rest is a busy machine's.
WITHIN_DEADLINE = DEADLINE + 8


@pytest.fixture(autouse=True)
def short_deadline(settings) -> None:
    settings.CARRIER_SECONDS = DEADLINE


@pytest.fixture(autouse=True)
def table() -> None:
    load_rates()


def _codes(goods: Parcel | None = None, postal_code: str = SAO_PAULO) -> list[str]:
    return [option.code for option in options(goods or parcel(), postal_code)]


class TestQuoting:
    def test_its_services_replace_the_table_cheapest_first(self, carrier: StandInCarrier):
        found = options(parcel(), SAO_PAULO)
        assert {option.code for option in found} >= {"melhor-envio-1", "melhor-envio-2"}
        assert not {option.code for option in found} & set(BY_TABLE)
        assert [option.price for option in found] == sorted(option.price for option in found)
        sedex = next(option for option in found if option.code == "melhor-envio-2")
        assert (sedex.name, sedex.currency, sedex.min_days, sedex.max_days) == ("Correios SEDEX", "BRL", 1, 1)
        assert sedex.price == Decimal("18.68")

    def test_services_keep_the_carriers_names_in_any_language(self, carrier: StandInCarrier):
        with translation.override("en"):
            assert "Jadlog .Package" in [option.name for option in options(parcel(), SAO_PAULO)]

    def test_the_request_to_the_carrier(self, carrier: StandInCarrier, settings):
        settings.SHIPPING_FROM_POSTAL_CODE = "80010000"
        goods = Parcel.of([ParcelItemFactory(quantity=3), ParcelItemFactory(weight_grams=1_250, length_cm=31)])
        shirt = {"width": 25, "height": 2, "insurance_value": 79.9}
        assert _codes(goods, MANAUS)
        assert carrier.last_question == {
            "from": {"postal_code": "80010000"},
            "to": {"postal_code": MANAUS},
            "products": [
                shirt | {"id": "1", "length": 30, "weight": 0.2, "quantity": 3},
                shirt | {"id": "2", "length": 31, "weight": 1.25, "quantity": 1},
            ],
            "options": {"receipt": False, "own_hand": False},
        }

    def test_a_service_that_cannot_carry_it_is_left_out(self, carrier: StandInCarrier):
        assert "melhor-envio-17" in _codes()
        assert "melhor-envio-17" not in _codes(parcel(weight_grams=500))
        assert "melhor-envio-31" not in _codes(postal_code=MANAUS)

    def test_only_the_services_that_the_shop_offers(self, carrier: StandInCarrier, settings):
        settings.MELHOR_ENVIO_SERVICES = ["2"]
        assert _codes() == ["melhor-envio-2"]
        assert carrier.last_question["services"] == "2"

    def test_a_parcel_no_service_carries_is_priced_by_the_table(self, carrier: StandInCarrier):
        assert _codes(parcel(length_cm=120, height_cm=1)) == BY_TABLE
        assert carrier.calls == 1

    def test_without_a_carrier_no_call_is_made(self, session_carrier: StandInCarrier):
        session_carrier.reset()
        assert _codes() == BY_TABLE
        assert session_carrier.calls == 0

    def test_empty_parcels_and_other_currencies_make_no_call(self, carrier: StandInCarrier):
        assert options(Parcel.of([]), SAO_PAULO) == []
        assert options(Parcel.of([ParcelItemFactory()], "USD"), SAO_PAULO) == []
        assert carrier.calls == 0


class TestCaching:
    def test_the_same_parcel_is_requested_once(self, carrier: StandInCarrier, django_assert_num_queries):
        first, second = ParcelItemFactory(), ParcelItemFactory(weight_grams=900)
        there = options(Parcel.of([first, second]), SAO_PAULO)
        with django_assert_num_queries(0):
            assert options(Parcel.of([second, first]), SAO_PAULO) == there
        assert carrier.calls == 1

    @pytest.mark.parametrize("change", ["weight_grams", "length_cm", "quantity", "unit_value", "postal_code"])
    def test_every_change_of_the_price_makes_a_new_call(self, carrier: StandInCarrier, change: str):
        options(parcel(), SAO_PAULO)
        if change == "postal_code":
            options(parcel(), "01310201")
        else:
            options(parcel(**{change: 31}), SAO_PAULO)
        assert carrier.calls == 2

    def test_under_a_lock_only_cached_prices_are_used(self, carrier: StandInCarrier):
        assert known_options(parcel(), SAO_PAULO) is None
        there = options(parcel(), SAO_PAULO)
        assert known_options(parcel(), SAO_PAULO) == there
        assert carrier.calls == 1

    def test_without_a_carrier_the_table_is_always_available(self):
        found = known_options(parcel(), SAO_PAULO)
        assert found is not None
        assert [option.code for option in found] == BY_TABLE

    def test_prices_live_for_minutes_and_failures_shorter(self, carrier: StandInCarrier):
        options(parcel(), SAO_PAULO)
        carrier.fault("error")
        options(parcel(quantity=2), SAO_PAULO)
        lives = sorted(cache.ttl(key) for key in cache.iter_keys(f"{carriers.CACHE_NAME}:*"))
        assert len(lives) == 2
        assert carriers.UNAVAILABLE_SECONDS - 10 <= lives[0] <= carriers.UNAVAILABLE_SECONDS * 1.2
        assert carriers.RATES_SECONDS * 0.8 <= lives[1] <= carriers.RATES_SECONDS * 1.2


class TestAskedTwiceAtOnce:
    """The second waits for the answer to the first, however long it takes."""

    @pytest.fixture(autouse=True)
    def usual_deadline(self, settings) -> None:
        settings.CARRIER_SECONDS = 1.5

    def test_a_slow_answer_is_waited_for(self, carrier: StandInCarrier):
        carrier.fault("slow", latency_ms=900)
        with ThreadPoolExecutor(3) as threads:
            answers = [*threads.map(lambda _: carriers.rates(parcel(), SAO_PAULO), range(3))]
        assert answers[0]
        assert answers == answers[:1] * 3
        assert carrier.calls == 1

    def test_so_is_a_failure(self, carrier: StandInCarrier, settings):
        settings.CARRIER_SECONDS = 0.9
        carrier.fault("hang")
        with ThreadPoolExecutor(3) as threads:
            assert [*threads.map(lambda _: carriers.rates(parcel(), SAO_PAULO), range(3))] == [[], [], []]
        assert carrier.calls == 1

    def test_asking_ahead_does_not_wait(self, carrier: StandInCarrier):
        carrier.fault("slow", latency_ms=900)
        carriers.ask_ahead(parcel(), SAO_PAULO)
        assert carriers.cached_rates(parcel(), SAO_PAULO) is None
        assert "melhor-envio-1" in _codes()
        assert carrier.calls == 1


FAULTS = {
    "error": ("error", {"error_status": 500}),
    "throttled": ("error", {"error_status": 429}),
    "no scope": ("error", {"error_status": 403}),
    "no token": ("error", {"error_status": 401}),
    "elsewhere": ("error", {"error_status": 302}),
    "slow": ("slow", {"latency_ms": 20_000}),
    "hang": ("hang", {}),
    "trickle": ("trickle", {}),
    "no JSON": ("garbage", {}),
    "no list": ("garbage", {"body": '{"data": []}'}),
    "nesting": ("garbage", {"body": "[" * 100_000}),
    "broken off": ("garbage", {"body": '[{"id": 1, "pri'}),
    "empty": ("garbage", {"body": ""}),
    "huge": ("huge", {}),
    "refused": ("refused", {"seconds": 1.0}),
}


class TestCarrierDown:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_table_is_used_within_the_timeout_and_its_offer_holds(self, carrier: StandInCarrier, fault: str):
        kind, fields = FAULTS[fault]
        carrier.fault(kind, **fields)
        with at_most(WITHIN_DEADLINE):
            assert _codes() == BY_TABLE
        # A shopper who was offered the table can choose from it without another call, though the carrier is back.
        carrier.reset()
        assert choose(options(parcel(), SAO_PAULO), "economica").price == Decimal("12.90")
        assert carrier.calls == 0

    def test_it_is_called_again_after_a_moment(self, carrier: StandInCarrier, monkeypatch):
        monkeypatch.setattr(carriers, "UNAVAILABLE_SECONDS", 1)
        carrier.fault("error", times=1)
        assert _codes() == BY_TABLE
        time.sleep(1.3)
        assert "melhor-envio-1" in _codes()

    @pytest.mark.parametrize(("token", "status"), [("wrong", 401), ("unscoped-token", 403)])
    def test_a_refused_token_is_logged_as_an_error_without_its_value(
        self, carrier: StandInCarrier, settings, caplog, token: str, status: int
    ):
        settings.MELHOR_ENVIO_TOKEN = token
        assert _codes() == BY_TABLE
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == 1
        assert str(status) in errors[0]
        assert token not in caplog.text

    def test_a_token_that_cannot_be_sent_does_not_stop_a_sale(self, carrier: StandInCarrier, settings):
        settings.MELHOR_ENVIO_TOKEN = "two\nlines"
        assert _codes() == BY_TABLE

    def test_a_host_that_does_not_exist(self, carrier: StandInCarrier, settings):
        settings.MELHOR_ENVIO_API_BASE = "http://nobody.invalid"
        assert _codes() == BY_TABLE

    @pytest.mark.parametrize("kind", ["error", "hang"])
    def test_the_circuit_opens(self, carrier: StandInCarrier, kind: str):
        carrier.fault(kind)
        for quantity in range(1, FAILURES_BEFORE_OPENING + 1):
            assert _codes(parcel(quantity=quantity)) == BY_TABLE
        assert breaker("melhor_envio").state == "open"
        assert _codes(parcel(quantity=9)) == BY_TABLE
        assert carrier.calls == FAILURES_BEFORE_OPENING

    def test_a_parcel_it_refuses_to_price_is_not_a_failure(self, carrier: StandInCarrier):
        carrier.fault("error", error_status=422)
        for quantity in range(1, FAILURES_BEFORE_OPENING + 2):
            assert _codes(parcel(quantity=quantity)) == BY_TABLE
        assert breaker("melhor_envio").state == "closed"
        # That is an answer, and cached like one.
        _codes(parcel(quantity=1))
        assert carrier.calls == FAILURES_BEFORE_OPENING + 1

    def test_trickling_answers_hold_no_thread(self, carrier: StandInCarrier):
        carrier.fault("trickle")
        with ThreadPoolExecutor(4) as shoppers, at_most(WITHIN_DEADLINE):
            list(shoppers.map(lambda quantity: carriers.rates(parcel(quantity=quantity), SAO_PAULO), range(2, 6)))
        carrier.no_faults()
        assert "melhor-envio-1" in _codes()

    def test_without_redis_as_well(self, carrier: StandInCarrier, settings):
        settings.CACHES = {
            **settings.CACHES,
            "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"},
        }
        assert "melhor-envio-1" in _codes()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            settings.MELHOR_ENVIO_API_BASE = f"http://127.0.0.1:{unused.getsockname()[1]}"
            assert _codes() == BY_TABLE
        assert known_options(parcel(), SAO_PAULO) is None


class TestQuotes:
    def test_a_service_is_quoted_at_its_price(self, carrier: StandInCarrier):
        option = choose(options(parcel(), SAO_PAULO), "melhor-envio-1")
        quote = make_quote("cart-1", option, parcel(), SAO_PAULO)
        quote.refresh_from_db()
        assert (quote.method_code, quote.name, quote.price) == ("melhor-envio-1", "Correios PAC", option.price)
        assert quote.price > 0

    @pytest.mark.parametrize(
        ("down", "code"), [(True, "melhor-envio-1"), (False, "economica"), (False, "melhor-envio-999"), (False, "")]
    )
    def test_an_unavailable_option_is_refused_by_name(self, carrier: StandInCarrier, down: bool, code: str):
        if down:
            carrier.fault("error")
        with pytest.raises(ShippingUnavailable) as refused:
            choose(options(parcel(), SAO_PAULO), code)
        assert refused.value.details == {"method": code}


@pytest.mark.django_db(transaction=True)
def test_the_network_is_not_called_inside_a_transaction(carrier: StandInCarrier):
    with transaction.atomic():
        with pytest.raises(NetworkCallInTransaction):
            options(parcel(), SAO_PAULO)
        assert known_options(parcel(), SAO_PAULO) is None
    assert carrier.calls == 0
