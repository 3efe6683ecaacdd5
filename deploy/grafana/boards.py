"""The dashboards. Expressions are plain PromQL that can be pasted into Prometheus."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.panels import bars, board, graph, number


def _rate(series: str, by: str = "") -> str:
    return f"sum{f' by ({by})' if by else ''} (rate({series}[5m]))"


def _p95(histogram: str, by: str = "") -> str:
    return f"histogram_quantile(0.95, {_rate(histogram, f'le, {by}' if by else 'le')})"


def checkout() -> Dashboard:
    total = '{stage="total"}'
    return board(
        "checkout",
        "Checkout",
        graph(
            "Checkouts by outcome",
            "reqps",
            ("{{outcome}}", _rate(f"checkout_duration_seconds_count{total}", "outcome")),
        ),
        graph(
            "Failed checkouts",
            "percentunit",
            ("5 min", "checkout:failed:ratio_rate5m"),
            ("1 h", "checkout:failed:ratio_rate1h"),
            limit=0.0144,
        ),
        graph(
            "Checkout duration, 95th percentile",
            "s",
            ("total", _p95(f"checkout_duration_seconds_bucket{total}")),
            limit=1,
        ),
        graph(
            "Checkout duration by stage, 95th percentile",
            "s",
            ("{{stage}}", _p95("checkout_duration_seconds_bucket", "stage")),
        ),
        graph(
            "Lock errors a minute",
            "short",
            ("{{kind}}", "sum by (kind) (increase(checkout_lock_errors_total[1m]))"),
            limit=5,
        ),
        graph("Lock contention", "ops", ("{{lock}}", _rate("checkout_lock_contention_total", "lock"))),
        graph(
            "Requests by status",
            "reqps",
            ("{{status}}", _rate("django_http_responses_total_by_status_total", "status")),
        ),
        graph("Requests in progress", "short", ("requests", "sum(web_threads_busy)")),
        graph("Dropped before their time", "reqps", ("{{why}}", _rate("web_requests_dropped_total", "why"))),
    )


def cache() -> Dashboard:
    found = 'cache_requests_total{result=~"hit|stale"}'
    return board(
        "cache",
        "Cache",
        number("Cache hit rate", "percentunit", f"{_rate(found)} / {_rate('cache_requests_total')}"),
        graph(
            "Hit rate by name",
            "percentunit",
            ("{{name}}", f"{_rate(found, 'name')} / {_rate('cache_requests_total', 'name')}"),
            limit=0.85,
        ),
        graph("Lookups by result", "ops", ("{{result}}", _rate("cache_requests_total", "result"))),
        graph("Misses by name", "ops", ("{{name}}", _rate('cache_requests_total{result="miss"}', "name"))),
    )


def database() -> Dashboard:
    return board(
        "database",
        "Database",
        graph("Statements", "ops", ("statements", _rate("database_statement_duration_seconds_count"))),
        graph("Statement duration, 95th percentile", "s", ("p95", _p95("database_statement_duration_seconds_bucket"))),
        graph(
            "Statements per request by view, mean",
            "short",
            (
                "{{view}}",
                f"{_rate('http_request_statements_sum', 'view')} / {_rate('http_request_statements_count', 'view')}",
            ),
        ),
        graph(
            "Locking statements, 95th percentile",
            "s",
            ("wait included", _p95("checkout_lock_wait_seconds_bucket")),
        ),
        graph("Requests in progress", "short", ("at most one connection each", "sum(web_threads_busy)")),
        graph(
            "Database lock errors a minute",
            "short",
            (
                "{{kind}}",
                'sum by (kind) (increase(checkout_lock_errors_total{kind=~"deadlock|timeout|serialization"}[1m]))',
            ),
        ),
    )


def providers() -> Dashboard:
    calls = "provider_call_duration_seconds"
    return board(
        "providers",
        "Outside services",
        graph(
            "Calls by service and outcome",
            "reqps",
            ("{{service}} {{outcome}}", _rate(f"{calls}_count", "service, outcome")),
        ),
        graph(
            "Duration of answered calls, 95th percentile",
            "s",
            ("{{service}}", _p95(f'{calls}_bucket{{outcome="answered"}}', "service")),
        ),
        graph(
            "Payment provider: answers by call",
            "reqps",
            ("{{call}} {{answer}}", _rate("payment_answers_total", "call, answer")),
        ),
        graph(
            "Circuit breakers (0 closed, 1 half-open, 2 open)",
            "short",
            ("{{service}}", "max by (service) (breaker_state)"),
            limit=2,
        ),
        graph(
            "Circuit breaker trips, last hour",
            "short",
            ("{{service}}", "sum by (service) (increase(breaker_trips_total[1h]))"),
        ),
        graph("Unresolved payment attempts by status", "short", ("{{status}}", "max by (status) (payment_attempts)")),
        graph(
            "Oldest unresolved attempt",
            "s",
            ("{{status}}", "max by (status) (payment_attempt_oldest_seconds)"),
            limit=300,
        ),
        graph(
            "Attempts that the sweeper has not reached",
            "s",
            ("{{status}}", "max by (status) (payment_attempt_overdue_seconds)"),
            limit=300,
        ),
        graph("Settled by the sweeper", "ops", ("{{sweep}}", _rate("sweeper_settled_total", "sweep"))),
    )


def queue() -> Dashboard:
    tasks = "celery_task_duration_seconds"
    return board(
        "queue",
        "Queues",
        graph("Outbox: unsent messages", "short", ("messages", "max(outbox_messages)")),
        graph("Outbox: age of the oldest", "s", ("age", "max(outbox_oldest_seconds)"), limit=300),
        graph("Webhook inbox: pending events", "short", ("events", "max(webhook_events_waiting)")),
        graph("Webhook inbox: age of the oldest", "s", ("age", "max(webhook_oldest_seconds)"), limit=300),
        graph(
            "Reconciliation: behind the provider's charges",
            "s",
            ("{{stream}}", "max by (stream) (reconciliation_lag_seconds)"),
            limit=1800,
        ),
        graph("Queued tasks", "short", ("tasks", "max(celery_queue_length)")),
        graph("Age of the oldest queued task", "s", ("age", "max(celery_queue_oldest_seconds)"), limit=120),
        graph("Tasks by outcome", "ops", ("{{task}} {{outcome}}", _rate(f"{tasks}_count", "task, outcome"))),
        graph("Task duration, 95th percentile", "s", ("{{task}}", _p95(f"{tasks}_bucket", "task"))),
    )


def business() -> Dashboard:
    def step(name: str) -> str:
        return f'sum(increase(cart_steps_total{{step="{name}"}}[1d]))'

    steps = ("lines", "address", "shipping", "payment", "paid")
    return board(
        "business",
        "Business",
        number("Orders paid, last day", "short", 'sum(increase(orders_total{status="paid"}[1d]))'),
        graph("Revenue, last day", "short", ("{{currency}}", "sum by (currency) (increase(order_revenue_total[1d]))")),
        bars("Carts by step reached, last day", "short", *((name, step(name)) for name in steps)),
        graph(
            "Conversion of carts with lines, last day",
            "percentunit",
            ("conversion", f"{step('paid')} / {step('lines')}"),
        ),
        graph("Orders an hour, by status", "short", ("{{status}}", "sum by (status) (increase(orders_total[1h]))")),
        graph(
            "Stock reservations",
            "short",
            ("{{state}}", "max by (state) (stock_reservations)"),
            ("units", "max(stock_reserved_units)"),
            ("units, unpaid", "max(stock_unpaid_units)"),
        ),
        graph(
            "Orders refused Pix, ten minutes",
            "short",
            (
                "refused",
                'sum(increase(checkout_duration_seconds_count{stage="total", outcome="too_much_unpaid"}[10m]))',
            ),
            limit=10,
        ),
        graph("Needs a person", "short", ("{{item}}", "max by (item) (attention_items)")),
        number("Money out of balance", "short", "max(money_out_of_balance)", limit=0.01),
        number("Oversold stock rows", "short", "max(stock_oversold_rows)", limit=1),
    )


BOARDS = {
    "checkout": checkout,
    "cache": cache,
    "database": database,
    "providers": providers,
    "queue": queue,
    "business": business,
}
