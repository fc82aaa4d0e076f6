-- Unfolds a request into its scopes. This view comes last: it connects the landing table with all the others.
CREATE MATERIALIZED VIEW IF NOT EXISTS scope_rows_view TO scope_rows AS
WITH
    kv -> ($attribute_from_kv) AS typed
SELECT
    sipHash64(
        resource_attributes, resource_dropped_attributes_count, resource_schema_url,
        scope_name, scope_version, scope_attributes, scope_dropped_attributes_count, scope_schema_url
    ) AS origin,
    ifNull(nullIf(arrayFirst(a -> a.1 = 'service.name', resource_attributes).3, ''), 'unknown_service') AS service,
    resource_attributes,
    resource_dropped_attributes_count,
    resource_schema_url,
    tupleElement(`entry.scope`, 'name') AS scope_name,
    tupleElement(`entry.scope`, 'version') AS scope_version,
    arrayMap(kv -> typed(kv), tupleElement(`entry.scope`, 'attributes')) AS scope_attributes,
    tupleElement(`entry.scope`, 'dropped_attributes_count') AS scope_dropped_attributes_count,
    `entry.schema_url` AS scope_schema_url,
    `entry.spans` AS spans
FROM (
    SELECT
        arrayMap(kv -> typed(kv), tupleElement(`r.resource`, 'attributes')) AS resource_attributes,
        tupleElement(`r.resource`, 'dropped_attributes_count') AS resource_dropped_attributes_count,
        `r.schema_url` AS resource_schema_url,
        untuple(arrayJoin(`r.scope_spans`)) AS entry
    FROM (SELECT untuple(arrayJoin(resource_spans)) AS r FROM otlp)
)
