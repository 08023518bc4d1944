-- The same sale inside the server: one call, without round trips per statement. It is an upper bound for
-- one sale per transaction, and not a design to copy: the decision would be in the database.
CREATE OR REPLACE FUNCTION bench_sell(p_id bigint, p_code text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p_order text;
    p_phone text;
BEGIN
    UPDATE payments SET status = 'COMPLETED', version = version + 1, reference = p_code, confirmed_at = now(), processed_at = now(), due_at = now() + interval '60 seconds'
        WHERE id = p_id AND version = 1 RETURNING order_id::text, phone INTO STRICT p_order, p_phone;
    INSERT INTO customers (phone, name, orders_paid, total_paid, first_paid_at, last_paid_at) VALUES (p_phone, NULL, 1, 2000, now(), now())
        ON CONFLICT (phone) DO UPDATE SET name = coalesce(excluded.name, customers.name), orders_paid = customers.orders_paid + 1, total_paid = customers.total_paid + excluded.total_paid, last_paid_at = excluded.last_paid_at;
    INSERT INTO invoices (number, payment_id, customer_phone, customer_name, package_code, description, amount, currency, issued_at)
        VALUES ('INV-2026-' || lpad(p_id::text, 7, '0'), p_id, p_phone, NULL, 'daily', 'Siku moja', 2000, 'TZS', now());
    INSERT INTO vouchers (code, payment_id, package_code, duration_minutes, validity, data_limit_mb, shared_devices, issued_at, expires_at)
        VALUES (p_code, p_id, 'daily', 1440, 'purchase', NULL, 1, now(), now() + interval '1 day');
    INSERT INTO radcheck (username, attribute, op, value)
        VALUES (p_code, 'Cleartext-Password', ':=', p_code), (p_code, 'Simultaneous-Use', ':=', '1'), (p_code, 'Expiration', ':=', extract(epoch FROM now() + interval '1 day')::bigint::text);
    INSERT INTO radreply (username, attribute, op, value)
        VALUES (p_code, 'Mikrotik-Rate-Limit', ':=', '2048k/5120k'), (p_code, 'WISPr-Bandwidth-Max-Up', ':=', '2048000'), (p_code, 'WISPr-Bandwidth-Max-Down', ':=', '5120000');
    INSERT INTO radusergroup (username, groupname, priority) VALUES (p_code, 'daily', 1);
    INSERT INTO sms_messages (payment_id, kind, phone, language, body, reference, state, attempts, due_at, created_at, parts)
        VALUES (p_id, 'voucher', p_phone, 'sw', 'malipo: Malipo yamepokelewa. Vocha yako ni ' || p_code || '. Kifurushi: Siku moja. Mwisho: 25/11/2026 17:20. http://127.0.0.1:44885/v/7QWK8iP5NIzqlcltHwD9Wd', p_id || '-voucher', 'queued', 0, now(), now(), 1);
    INSERT INTO webhook_deliveries (order_id, outcome, proof, source, word, reference, amount, received_at, processing_ms, content_type, body)
        VALUES (p_order, 'completed', 'key', 'webhook', 'COMPLETED', p_code, NULL, now(), 1.5, 'application/json', '\x7b226f726465725f6964223a2236373765343332372d303030302d343030302d383030302d303030303030303064376362222c227061796d656e745f737461747573223a22434f4d504c45544544222c227265666572656e6365223a2231303033303230343936222c226d65746164617461223a7b2270726f647563745f6964223a223132333435227d7d');
    RETURN p_order;
END
$$;
