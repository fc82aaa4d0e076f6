-- Resources and scopes of the newest days that are not large. Reading some hundred takes as long as reading two.
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
FROM origins
WHERE arraySum(arrayMap(value -> length(value), arrayConcat(resource_attributes.value, scope_attributes.value)))
    <= {largest_bytes:UInt32}
ORDER BY day DESC
LIMIT 1 BY origin
LIMIT {limit:UInt32}
SETTINGS max_threads = 1
