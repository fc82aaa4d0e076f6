-- A new order, not yet paid.
INSERT INTO orders (album_id, title, quantity, amount_cents, status, placed_at)
VALUES (:album_id, :title, :quantity, :amount_cents, 'pending', :placed_at)
