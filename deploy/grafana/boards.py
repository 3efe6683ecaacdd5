"""What the dashboards show. The expressions are plain PromQL, so that each can be pasted into Prometheus."""

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
            "Checkouts that fail",
            "percentunit",
            ("5 min", "checkout:failed:ratio_rate5m"),
            ("1 h", "checkout:failed:ratio_rate1h"),
            limit=0.0144,
        ),
        graph(
            "What the shopper waits for, 95th percentile",
            "s",
            ("total", _p95(f"checkout_duration_seconds_bucket{total}")),
            limit=1,
        ),
        graph("By stage, 95th percentile", "s", ("{{stage}}", _p95("checkout_duration_seconds_bucket", "stage"))),
        graph(
            "Lock errors a minute",
            "short",
            ("{{kind}}", "sum by (kind) (increase(checkout_lock_errors_total[1m]))"),
            limit=5,
        ),
        graph("Locks that somebody else held", "ops", ("{{lock}}", _rate("checkout_lock_contention_total", "lock"))),
        graph(
            "Requests by status",
            "reqps",
            ("{{status}}", _rate("django_http_responses_total_by_status_total", "status")),
        ),
        graph("Requests under way", "short", ("requests", "sum(web_threads_busy)")),
    )


def cache() -> Dashboard:
    found = 'cache_requests_total{result=~"hit|stale"}'
    return board(
        "cache",
        "Cache",
        number("Found in the cache", "percentunit", f"{_rate(found)} / {_rate('cache_requests_total')}"),
        graph(
            "Found, by name",
            "percentunit",
            ("{{name}}", f"{_rate(found, 'name')} / {_rate('cache_requests_total', 'name')}"),
            limit=0.85,
        ),
        graph("Look-ups by result", "ops", ("{{result}}", _rate("cache_requests_total", "result"))),
        graph("Misses by name", "ops", ("{{name}}", _rate('cache_requests_total{result="miss"}', "name"))),
    )


def database() -> Dashboard:
    return board(
        "database",
        "Database",
        graph("Statements", "ops", ("statements", _rate("database_statement_duration_seconds_count"))),
        graph("A statement, 95th percentile", "s", ("p95", _p95("database_statement_duration_seconds_bucket"))),
        graph(
            "Statements of a request, by view, mean",
            "short",
            (
                "{{view}}",
                f"{_rate('http_request_statements_sum', 'view')} / {_rate('http_request_statements_count', 'view')}",
            ),
        ),
        graph(
            "Statements that lock rows, 95th percentile",
            "s",
            ("waiting included", _p95("checkout_lock_wait_seconds_bucket")),
        ),
        graph("Requests under way", "short", ("each holds a connection at most", "sum(web_threads_busy)")),
        graph(
            "Locks refused by the database, a minute",
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
            "A call that is answered, 95th percentile",
            "s",
            ("{{service}}", _p95(f'{calls}_bucket{{outcome="answered"}}', "service")),
        ),
        graph(
            "What the payment provider says",
            "reqps",
            ("{{call}} {{answer}}", _rate("payment_answers_total", "call, answer")),
        ),
        graph(
            "Breakers (0 closed, 1 trying, 2 open)",
            "short",
            ("{{service}}", "max by (service) (breaker_state)"),
            limit=2,
        ),
        graph(
            "Breakers that opened, last hour",
            "short",
            ("{{service}}", "sum by (service) (increase(breaker_trips_total[1h]))"),
        ),
        graph("Attempts without an end, by status", "short", ("{{status}}", "max by (status) (payment_attempts)")),
        graph("The oldest of them", "s", ("{{status}}", "max by (status) (payment_attempt_oldest_seconds)"), limit=300),
        graph("Settled by the sweeper", "ops", ("{{sweep}}", _rate("sweeper_settled_total", "sweep"))),
    )


def queue() -> Dashboard:
    tasks = "celery_task_duration_seconds"
    return board(
        "queue",
        "Queues",
        graph("Outbox: messages that wait", "short", ("messages", "max(outbox_messages)")),
        graph("Outbox: the oldest", "s", ("age", "max(outbox_oldest_seconds)"), limit=300),
        graph("Webhook inbox: messages that wait", "short", ("messages", "max(webhook_events_waiting)")),
        graph("Webhook inbox: the oldest", "s", ("age", "max(webhook_oldest_seconds)"), limit=300),
        graph("Tasks that wait for a worker", "short", ("tasks", "max(celery_queue_length)")),
        graph("The oldest of them", "s", ("age", "max(celery_queue_oldest_seconds)"), limit=120),
        graph("Tasks by outcome", "ops", ("{{task}} {{outcome}}", _rate(f"{tasks}_count", "task, outcome"))),
        graph("A task, 95th percentile", "s", ("{{task}}", _p95(f"{tasks}_bucket", "task"))),
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
        bars("Carts by the step that they came to, last day", "short", *((name, step(name)) for name in steps)),
        graph(
            "Carts with goods that are paid, last day",
            "percentunit",
            ("conversion", f"{step('paid')} / {step('lines')}"),
        ),
        graph("Orders an hour, by status", "short", ("{{status}}", "sum by (status) (increase(orders_total[1h]))")),
        graph(
            "Orders that hold goods",
            "short",
            ("{{state}}", "max by (state) (stock_reservations)"),
            ("units", "max(stock_reserved_units)"),
        ),
        number("Money out of balance", "short", "max(money_out_of_balance)", limit=0.01),
        number("Stock rows oversold", "short", "max(stock_oversold_rows)", limit=1),
    )


BOARDS = {
    "checkout": checkout,
    "cache": cache,
    "database": database,
    "providers": providers,
    "queue": queue,
    "business": business,
}
