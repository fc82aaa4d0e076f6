-- The keys of span attributes.
SELECT DISTINCT key FROM attribute_keys ORDER BY key LIMIT {limit:UInt32}
