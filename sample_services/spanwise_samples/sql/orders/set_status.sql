-- What became of an order: placed, declined or failed.
UPDATE orders
SET status = :status
WHERE order_id = :order_id
