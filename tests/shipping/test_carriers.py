"""A carrier's prices, asked of a real process: used where it answers, done without where it does not."""

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
# The deadline of a call, and what a loaded machine may add.
DEADLINE = 0.4
WITHIN_DEADLINE = DEADLINE + 0.8


@pytest.fixture(autouse=True)
def short_deadline(settings) -> None:
    settings.CARRIER_SECONDS = DEADLINE


@pytest.fixture(autouse=True)
def table() -> None:
    load_rates()


def _codes(goods: Parcel | None = None, postal_code: str = SAO_PAULO) -> list[str]:
    return [option.code for option in options(goods or parcel(), postal_code)]


class TestAsked:
    def test_its_services_replace_the_table_cheapest_first(self, carrier: StandInCarrier):
        found = options(parcel(), SAO_PAULO)
        assert {option.code for option in found} >= {"melhor-envio-1", "melhor-envio-2"}
        assert not {option.code for option in found} & set(BY_TABLE)
        assert [option.price for option in found] == sorted(option.price for option in found)
        sedex = next(option for option in found if option.code == "melhor-envio-2")
        assert (sedex.name, sedex.currency, sedex.min_days, sedex.max_days) == ("Correios SEDEX", "BRL", 1, 1)
        assert sedex.price == Decimal("18.68")

    def test_names_are_the_carriers_own_in_any_language(self, carrier: StandInCarrier):
        with translation.override("en"):
            assert "Jadlog .Package" in [option.name for option in options(parcel(), SAO_PAULO)]

    def test_what_it_is_told(self, carrier: StandInCarrier, settings):
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

    def test_a_parcel_that_no_service_takes_goes_by_the_table(self, carrier: StandInCarrier):
        assert _codes(parcel(length_cm=120, height_cm=1)) == BY_TABLE
        assert carrier.calls == 1

    def test_without_a_carrier_nobody_is_asked(self, session_carrier: StandInCarrier):
        session_carrier.reset()
        assert _codes() == BY_TABLE
        assert session_carrier.calls == 0

    def test_nothing_and_other_currencies_are_not_asked_for(self, carrier: StandInCarrier):
        assert options(Parcel.of([]), SAO_PAULO) == []
        assert options(Parcel.of([ParcelItemFactory()], "USD"), SAO_PAULO) == []
        assert carrier.calls == 0


class TestRemembered:
    def test_the_same_parcel_is_asked_for_once(self, carrier: StandInCarrier, django_assert_num_queries):
        first, second = ParcelItemFactory(), ParcelItemFactory(weight_grams=900)
        there = options(Parcel.of([first, second]), SAO_PAULO)
        with django_assert_num_queries(0):
            assert options(Parcel.of([second, first]), SAO_PAULO) == there
        assert carrier.calls == 1

    @pytest.mark.parametrize("change", ["weight_grams", "length_cm", "quantity", "unit_value", "postal_code"])
    def test_all_that_changes_the_price_is_asked_for_anew(self, carrier: StandInCarrier, change: str):
        options(parcel(), SAO_PAULO)
        if change == "postal_code":
            options(parcel(), "01310201")
        else:
            options(parcel(**{change: 31}), SAO_PAULO)
        assert carrier.calls == 2

    def test_under_a_lock_only_what_is_known(self, carrier: StandInCarrier):
        assert known_options(parcel(), SAO_PAULO) is None
        there = options(parcel(), SAO_PAULO)
        assert known_options(parcel(), SAO_PAULO) == there
        assert carrier.calls == 1

    def test_without_a_carrier_the_table_is_always_known(self):
        found = known_options(parcel(), SAO_PAULO)
        assert found is not None
        assert [option.code for option in found] == BY_TABLE

    def test_a_lifetime_of_minutes_and_a_shorter_one_for_silence(self, carrier: StandInCarrier):
        options(parcel(), SAO_PAULO)
        carrier.fault("error")
        options(parcel(quantity=2), SAO_PAULO)
        lives = sorted(cache.ttl(key) for key in cache.iter_keys(f"{carriers.CACHE_NAME}:*"))
        assert len(lives) == 2
        assert carriers.UNAVAILABLE_SECONDS - 10 <= lives[0] <= carriers.UNAVAILABLE_SECONDS * 1.2
        assert carriers.RATES_SECONDS * 0.8 <= lives[1] <= carriers.RATES_SECONDS * 1.2


FAULTS = {
    "error": ("error", {"error_status": 500}),
    "throttled": ("error", {"error_status": 429}),
    "no scope": ("error", {"error_status": 403}),
    "no token": ("error", {"error_status": 401}),
    "elsewhere": ("error", {"error_status": 302}),
    "slow": ("slow", {"latency_ms": 2_000}),
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


class TestAway:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_table_stands_in_within_the_deadline_and_is_kept_to(self, carrier: StandInCarrier, fault: str):
        kind, fields = FAULTS[fault]
        carrier.fault(kind, **fields)
        with at_most(WITHIN_DEADLINE):
            assert _codes() == BY_TABLE
        # Whoever was offered the table can choose from it: at once, without another call, though the carrier is back.
        carrier.reset()
        with at_most(DEADLINE * 0.75):
            assert choose(options(parcel(), SAO_PAULO), "economica").price == Decimal("12.90")
        assert carrier.calls == 0

    def test_after_a_moment_it_is_asked_again(self, carrier: StandInCarrier, monkeypatch):
        monkeypatch.setattr(carriers, "UNAVAILABLE_SECONDS", 1)
        carrier.fault("error", times=1)
        assert _codes() == BY_TABLE
        time.sleep(1.3)
        assert "melhor-envio-1" in _codes()

    @pytest.mark.parametrize(("token", "status"), [("wrong", 401), ("unscoped-token", 403)])
    def test_a_token_that_it_refuses_is_said_loudly_and_not_shown(
        self, carrier: StandInCarrier, settings, caplog, token: str, status: int
    ):
        settings.MELHOR_ENVIO_TOKEN = token
        assert _codes() == BY_TABLE
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == 1
        assert str(status) in errors[0]
        assert token not in caplog.text

    def test_a_token_that_cannot_be_sent_stops_no_sale(self, carrier: StandInCarrier, settings):
        settings.MELHOR_ENVIO_TOKEN = "two\nlines"
        assert _codes() == BY_TABLE

    def test_a_host_that_does_not_exist(self, carrier: StandInCarrier, settings):
        settings.MELHOR_ENVIO_API_BASE = "http://nobody.invalid"
        assert _codes() == BY_TABLE

    @pytest.mark.parametrize("kind", ["error", "hang"])
    def test_soon_nobody_waits_for_it(self, carrier: StandInCarrier, kind: str):
        carrier.fault(kind)
        for quantity in range(1, FAILURES_BEFORE_OPENING + 1):
            assert _codes(parcel(quantity=quantity)) == BY_TABLE
        assert breaker("melhor_envio").state == "open"
        with at_most(DEADLINE * 0.75):
            assert _codes(parcel(quantity=9)) == BY_TABLE
        assert carrier.calls == FAILURES_BEFORE_OPENING

    def test_a_parcel_that_it_will_not_price_is_no_failure(self, carrier: StandInCarrier):
        carrier.fault("error", error_status=422)
        for quantity in range(1, FAILURES_BEFORE_OPENING + 2):
            assert _codes(parcel(quantity=quantity)) == BY_TABLE
        assert breaker("melhor_envio").state == "closed"
        # That is an answer, and remembered like one.
        _codes(parcel(quantity=1))
        assert carrier.calls == FAILURES_BEFORE_OPENING + 1

    def test_trickling_answers_keep_no_thread(self, carrier: StandInCarrier):
        carrier.fault("trickle")
        with ThreadPoolExecutor(4) as shoppers, at_most(WITHIN_DEADLINE + 0.5):
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


class TestPromised:
    def test_a_service_is_promised_at_its_price(self, carrier: StandInCarrier):
        option = choose(options(parcel(), SAO_PAULO), "melhor-envio-1")
        quote = make_quote("cart-1", option, parcel(), SAO_PAULO)
        quote.refresh_from_db()
        assert (quote.method_code, quote.name, quote.price) == ("melhor-envio-1", "Correios PAC", option.price)
        assert quote.price > 0

    @pytest.mark.parametrize(
        ("away", "code"), [(True, "melhor-envio-1"), (False, "economica"), (False, "melhor-envio-999"), (False, "")]
    )
    def test_what_is_not_offered_now_is_refused_by_name(self, carrier: StandInCarrier, away: bool, code: str):
        if away:
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
