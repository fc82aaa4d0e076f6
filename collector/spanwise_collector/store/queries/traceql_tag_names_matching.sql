-- Like traceql_tag_names, of the spans that fit a filter, as far as so many of them tell. The place is taken by the relation
-- that the filter became; `x0` to `x4` are its spans' keys.
/*tree*/
SELECT DISTINCT scopes.1 AS scope, arrayJoin(scopes.2) AS key
FROM (
    SELECT arrayJoin([('resource', x0), ('instrumentation', x1), ('span', x2), ('event', x3), ('link', x4)]) AS scopes
    FROM (/*spansets*/)
    LIMIT 500000
)
