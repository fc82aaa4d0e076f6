-- The resources and scopes that the spans of one trace came from.
SELECT
    origin,
    resource_attributes,
    resource_dropped_attributes_count,
    resource_schema_url,
    scope_name,
    scope_version,
    scope_attributes,
    scope_dropped_attributes_count,
    scope_schema_url
FROM (
    SELECT * FROM origins
    UNION ALL
    SELECT * FROM pinned_origins
)
WHERE origin IN (
    SELECT origin FROM trace_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
    UNION DISTINCT
    SELECT origin FROM pinned_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
)
LIMIT 1 BY origin
