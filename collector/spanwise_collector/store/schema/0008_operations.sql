-- The catalog of services and operations: one row a day for each service, span name and kind.
CREATE TABLE IF NOT EXISTS operations (
    day Date,
    service LowCardinality(String),
    name LowCardinality(String),
    kind $span_kind
) ENGINE = $replacing
PARTITION BY day
ORDER BY (service, name, kind)
SETTINGS $durable
