"""Scraping a server with two workers: whichever answers, the numbers are the sum of both."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.sandbox import Sandbox
from tests.support.web import TOKEN, running

pytestmark = [pytest.mark.django_db(transaction=True)]

HELP = 'http_request_statements_count{view="help"}'


def test_every_scrape_shows_the_sum_of_both_workers(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox) as web:
        with ThreadPoolExecutor(8) as pool:
            assert {status for status, _ in pool.map(lambda _: web.get("/help/"), range(40))} == {200}
        counted = {path.name for path in (tmp_path / "metrics").glob("counter_*.db")}
        assert len(counted) >= 2, "Only one worker has counted, so the test proves nothing."
        scrapes = [web.scrape() for _ in range(20)]
        assert {scrape[HELP] for scrape in scrapes} == {40.0}

        # A killed worker's gauges disappear; its counters stay.
        os.kill(web.workers()[0], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while web.log.count("Booting worker") < 3:
            assert time.monotonic() < deadline, web.log
            time.sleep(0.1)
        assert {web.scrape()[HELP] for _ in range(5)} == {40.0}
        assert web.scrape()["web_threads_busy"] == 0

    # Counters of the previous run are gone after a restart.
    with running(tmp_path, sandbox) as web:
        assert web.scrape().get(HELP, 0) == 0


def test_every_documented_series_exists_from_the_start(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox) as web:
        scrape = web.scrape()
    for series in (
        'checkout_duration_seconds_bucket{le="1.0",outcome="ok",stage="total"}',
        'orders_total{status="paid"}',
        'order_revenue_total{currency="BRL"}',
        'cart_steps_total{step="paid"}',
        'cache_requests_total{name="product",result="stale"}',
        'checkout_lock_errors_total{kind="redis_away"}',
        'checkout_lock_contention_total{lock="checkout"}',
        "checkout_lock_wait_seconds_count",
        'breaker_state{service="stripe"}',
        'breaker_trips_total{service="melhor_envio"}',
        'provider_call_duration_seconds_count{outcome="failed",service="stripe"}',
        'stock_reservations{state="held"}',
        'stock_reservations{state="expired"}',
        "outbox_messages",
        "outbox_oldest_seconds",
        "webhook_oldest_seconds",
        'reconciliation_lag_seconds{stream="charges_1m"}',
        'payment_attempts{status="unknown"}',
        'payment_attempt_oldest_seconds{status="unknown"}',
        "stock_oversold_rows",
        'money_out_of_balance{currency="BRL"}',
        "celery_queue_length",
        "celery_queue_oldest_seconds",
    ):
        assert series in scrape, sorted(scrape)
    assert not [name for name in scrape if name.startswith("metrics_read_errors_total") and scrape[name]]


def test_scrapes_require_the_token(tmp_path: Path, sandbox: Sandbox) -> None:
    with running(tmp_path, sandbox) as web:
        assert web.get("/metrics") == (404, "")
        assert web.get("/metrics", Authorization="Bearer wrong") == (404, "")
        assert web.get("/metrics", Authorization=f"Bearer {TOKEN}")[0] == 200
    with running(tmp_path, sandbox, METRICS_TOKEN="") as web:
        assert web.get("/metrics", Authorization="Bearer ") == (404, "")
