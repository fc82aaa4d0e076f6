-- The peers that spans of some services name.
SELECT DISTINCT arrayFirst(a -> a.key = 'peer.service', attributes).value AS peer
FROM spans
WHERE service IN {services:Array(String)} AND peer != ''
ORDER BY peer
LIMIT 1000
