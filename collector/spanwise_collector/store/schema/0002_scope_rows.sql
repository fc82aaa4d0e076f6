-- One row per instrumentation scope of a request: who sent it, and its spans still in one array. It stores nothing.
CREATE TABLE IF NOT EXISTS scope_rows (
    origin UInt64,
    service LowCardinality(String),
    resource_attributes $attributes,
    resource_dropped_attributes_count UInt32,
    resource_schema_url String,
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes $attributes,
    scope_dropped_attributes_count UInt32,
    scope_schema_url String,
    spans $otlp_spans
) ENGINE = Null
