-- Values of a span attribute with their types, most frequent first.
SELECT attribute.type AS type, attribute.value AS value
FROM spans
ARRAY JOIN arrayFilter(a -> a.key = {key:String}, attributes) AS attribute
WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND attribute.type IN ('string', 'int', 'double', 'bool')
GROUP BY type, value
ORDER BY count() DESC, value
LIMIT {limit:UInt32}
