-- What the spans of one scope have in common (resource and scope), stored once a day instead of once a span.
CREATE TABLE IF NOT EXISTS origins (
    day Date,
    origin UInt64,
    service LowCardinality(String),
    resource_attributes $attributes CODEC(ZSTD(1)),
    resource_dropped_attributes_count UInt32,
    resource_schema_url String,
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes $attributes CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32,
    scope_schema_url String
) ENGINE = $replacing
PARTITION BY day
ORDER BY origin
SETTINGS index_granularity = 256, $durable
