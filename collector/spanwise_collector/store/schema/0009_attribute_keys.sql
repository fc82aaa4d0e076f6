-- The catalog of span attributes: one row a day for each service, key and type.
CREATE TABLE IF NOT EXISTS attribute_keys (
    day Date,
    service LowCardinality(String),
    key LowCardinality(String),
    type $attribute_type
) ENGINE = $replacing
PARTITION BY day
ORDER BY (service, key, type)
SETTINGS $durable
