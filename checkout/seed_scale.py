"""Fill an empty database at any size, inside Postgres, to check query plans and capacity.

Every row is computed from its number, so that tables refer to each other without being read. Everything is named
"escala" and all orders are paid: use a database of its own, never one that sells.
"""

from collections.abc import Callable

from django.db import connection

from inventory.models import Category, Product, Warehouse

LINES_PER_ORDER = 5
BATCH = 50_000

# (what is inserted, which size says how many, the statement for the numbers from `first` to `last`)
_STEPS: list[tuple[str, str, str]] = [
    (
        "products",
        "products",
        """
        INSERT INTO inventory_product (sku, slug, name, description, category_id, price, currency, weight_grams,
            length_cm, width_cm, height_cm, image, search_text, active, updated_at)
        SELECT 'ESC-' || n, 'escala-' || n, initcap(word) || ' ' || n, '', category.id, 10 + mod(n, 500), 'BRL', 300,
            10, 10, 10, '', ' esc-' || n || ' ' || word || ' ' || n || ' escala', mod(n, 50) <> 0, now()
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        CROSS JOIN LATERAL (SELECT (ARRAY['rede', 'panela', 'caderno', 'lanterna', 'tapete'])[1 + mod(n, 5)] AS word)
            AS made
        JOIN inventory_category AS category ON category.slug = 'escala-' || mod(n, 20)
        """,
    ),
    (
        "stock",
        "products",
        """
        INSERT INTO inventory_stock (product_id, warehouse_id, on_hand, reserved)
        SELECT product.id, warehouse.id, 1000, 0 FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        JOIN inventory_product AS product ON product.sku = 'ESC-' || n
        JOIN inventory_warehouse AS warehouse ON warehouse.code = 'escala'
        """,
    ),
    (
        "quotes",
        "orders",
        """
        INSERT INTO shipping_quote (id, reference, method_code, method_name, price, currency, min_days, max_days,
            postal_code, parcel_fingerprint, created_at, expires_at)
        SELECT md5('quote-' || n)::uuid, 'escala-' || n, 'escala', 'Escala', 10, 'BRL', 2, 5,
            lpad(mod(n::bigint * 7919, 100000000)::text, 8, '0'), '', now() - n * interval '1 minute',
            now() - n * interval '1 minute' + interval '30 minutes'
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        """,
    ),
    (
        "carts",
        "carts",
        """
        INSERT INTO cart_cart (token, status, version, currency, created_at, updated_at, expires_at, email, phone, name,
            street, street_number, complement, district, city, state, postal_code, country)
        SELECT rpad('escala-' || n, 43, '_'),
            CASE WHEN n <= %(orders)s::integer THEN 'ordered' ELSE 'open' END, 1, 'BRL',
            moment, moment, moment + interval '30 days', 'pessoa' || n || '@escala.example', '', 'Pessoa ' || n,
            'Rua da Escala', n::text, '', '', 'Recife', 'PE', '50000000', 'BR'
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        CROSS JOIN LATERAL (SELECT now() - n * interval '1 minute' AS moment) AS m
        """,
    ),
    (
        "lines of carts",
        "carts",
        """
        INSERT INTO cart_cartline (cart_id, product_id, quantity, position)
        SELECT cart.id, product.id, 1 + mod(n, 3), place
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        CROSS JOIN generate_series(0, 1) AS place
        JOIN cart_cart AS cart ON cart.token = rpad('escala-' || n, 43, '_')
        JOIN inventory_product AS product ON product.sku = 'ESC-' || 1 + mod(n * 2 + place, %(products)s::integer)
        """,
    ),
    (
        "payments",
        "orders",
        """
        INSERT INTO payments_payment (id, reference, amount, currency, status, provider, method, created_at, updated_at)
        SELECT md5('payment-' || n)::uuid, 'E' || lpad(n::text, 9, '0'), 110, 'BRL', 'paid', 'stripe', 'card',
            now() - n * interval '1 minute', now() - n * interval '1 minute'
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        """,
    ),
    (
        "attempts",
        "orders",
        """
        INSERT INTO payments_paymentattempt (id, payment_id, method_token, status, provider_reference, captured,
            decline_code, error, created_at, settled_at, expires_at)
        SELECT md5('attempt-' || n)::uuid, md5('payment-' || n)::uuid, 'pm_card_visa', 'approved', 'pi_escala_' || n,
            110, '', '', moment, moment, moment + interval '30 minutes'
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        CROSS JOIN LATERAL (SELECT now() - n * interval '1 minute' AS moment) AS m
        """,
    ),
    (
        "orders",
        "orders",
        """
        INSERT INTO checkout_order (number, token, cart_id, status, currency, language, quote_id, subtotal,
            shipping_total, total, payment_id, placed_at, paid_at, restock_on_refund, email, phone, name, street,
            street_number, complement, district, city, state, postal_code, country)
        SELECT 'E' || lpad(n::text, 9, '0'), cart.token, cart.id, 'paid', 'BRL', 'pt-br', md5('quote-' || n)::uuid,
            100, 10, 110, md5('payment-' || n)::uuid, cart.created_at, cart.created_at, false, cart.email, '',
            cart.name, cart.street, cart.street_number, '', '', cart.city, cart.state,
            lpad(mod(n::bigint * 7919, 100000000)::text, 8, '0'), 'BR'
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        JOIN cart_cart AS cart ON cart.token = rpad('escala-' || n, 43, '_')
        """,
    ),
    (
        "lines of orders",
        "orders",
        """
        INSERT INTO checkout_orderline (order_id, product_id, sku, name, quantity, currency, unit_price, line_total)
        SELECT placed.id, product.id, product.sku, product.name, 1, product.currency, 20, 20
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        CROSS JOIN generate_series(0, %(lines_per_order)s::integer - 1) AS place
        JOIN checkout_order AS placed ON placed.number = 'E' || lpad(n::text, 9, '0')
        JOIN inventory_product AS product ON product.sku = 'ESC-' || 1 + mod(n * 7 + place, %(products)s::integer)
        """,
    ),
    (
        "sent mail",
        "orders",
        """
        INSERT INTO checkout_outboxmessage (order_id, kind, created_at, due_at, sent_at, tries, last_error)
        SELECT placed.id, 'confirmation', placed.placed_at, placed.placed_at, placed.placed_at, 1, ''
        FROM generate_series(%(first)s::integer, %(last)s::integer) AS n
        JOIN checkout_order AS placed ON placed.number = 'E' || lpad(n::text, 9, '0')
        """,
    ),
]


class AlreadySeeded(Exception):
    """The database holds the rows of an earlier run, and their numbers would collide."""


def seed(
    *, products: int, carts: int, order_lines: int, progress: Callable[[str, int, int], None] = lambda *_: None
) -> None:
    """Fill an empty database: products with stock, carts of two lines, paid orders of `LINES_PER_ORDER` lines.

    Each order has a cart, so there are at least as many carts as orders. Commits every `BATCH` rows, so no transaction
    may be open. `progress` gets what is inserted, how many rows are done, and how many there will be. Ends with VACUUM
    ANALYZE, so that visibility maps and planner statistics are up to date. Raises AlreadySeeded.
    """
    if Product.objects.filter(sku="ESC-1").exists():
        raise AlreadySeeded
    orders = order_lines // LINES_PER_ORDER
    sizes = {"products": products, "carts": max(carts, orders), "orders": orders}
    Category.objects.bulk_create(
        [Category(name=f"Escala {number}", slug=f"escala-{number}", position=1000 + number) for number in range(20)],
        ignore_conflicts=True,
    )
    Warehouse.objects.get_or_create(code="escala", defaults={"name": "Escala", "postal_code": "50000000"})
    with connection.cursor() as cursor:
        for what, size, statement in _STEPS:
            for first in range(1, sizes[size] + 1, BATCH):
                last = min(first + BATCH - 1, sizes[size])
                numbers = {"first": first, "last": last, "lines_per_order": LINES_PER_ORDER, **sizes}
                cursor.execute(statement, numbers)
                progress(what, last, sizes[size])
        cursor.execute("VACUUM (ANALYZE)")
