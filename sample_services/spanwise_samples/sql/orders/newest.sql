-- The newest orders first.
SELECT order_id, album_id, title, quantity, amount_cents, status, placed_at
FROM orders
ORDER BY order_id DESC
LIMIT :limit
