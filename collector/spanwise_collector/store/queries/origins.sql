-- The resources and scopes that some spans came from.
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
    SELECT * FROM origins WHERE origin IN {origins:Array(UInt64)}
    UNION ALL
    SELECT * FROM pinned_origins WHERE origin IN {origins:Array(UInt64)}
)
LIMIT 1 BY origin
