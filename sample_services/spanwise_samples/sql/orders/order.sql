-- One order.
SELECT order_id, album_id, title, quantity, amount_cents, status, placed_at
FROM orders
WHERE order_id = :order_id
