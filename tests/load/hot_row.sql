-- The least that an order can be in plain SQL: one transaction that takes one unit of the hot product and writes down
-- cart, order, line, payment, attempt and hold. What `hot_row.py` holds place_order against. Variables: see there.
SELECT nextval('hot_row_number') AS n \gset
BEGIN;
INSERT INTO payments_payment (id, reference, amount, currency, status, provider, method, created_at, updated_at)
    VALUES (gen_random_uuid(), 'P' || :mark || '-' || :n, 110, 'BRL', 'pending', 'stripe', 'card', now(), now()) RETURNING quote_literal(id::text) AS payment \gset
INSERT INTO payments_paymentattempt (id, payment_id, method_token, status, created_at, expires_at, provider_reference, captured, decline_code, error)
    VALUES (gen_random_uuid(), :payment, 'pm_card_visa', 'started', now(), now() + interval '30 minutes', '', 0, '', '');
INSERT INTO checkout_order (number, token, cart_id, status, currency, language, quote_id, subtotal, shipping_total, total, payment_id, placed_at,
        restock_on_refund, email, phone, name, street, street_number, complement, district, city, state, postal_code, country)
    SELECT left(md5(:mark || '-' || :n), 10), token, id, 'awaiting_payment', 'BRL', 'pt-br', quote_id, 100, 10, 110, :payment, now(),
        false, email, '', name, street, street_number, '', '', city, state, postal_code, country
    FROM cart_cart WHERE token = rpad('plain' || :mark || '-' || :n, 43, '_') RETURNING id AS placed \gset
INSERT INTO checkout_orderline (order_id, product_id, sku, name, quantity, currency, unit_price, line_total)
    VALUES (:placed, :product, 'HOT', 'Hot', 1, 'BRL', 100, 100);
INSERT INTO inventory_reservation (reference, status, expires_at, created_at)
    VALUES ('P' || :mark || '-' || :n, 'held', now() + interval '35 minutes', now()) RETURNING id AS hold \gset
INSERT INTO inventory_reservationline (reservation_id, stock_id, quantity, returned, held, expires_at)
    VALUES (:hold, :stock, 1, 0, true, now() + interval '35 minutes');
UPDATE inventory_stock SET reserved = reserved + 1 WHERE id = :stock AND on_hand - reserved >= 1;
COMMIT;
