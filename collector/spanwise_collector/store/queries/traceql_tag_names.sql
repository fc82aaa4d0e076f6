-- The keys of attributes by their scope. Of spans with events or links only so many are looked at, for there is no catalog
-- of what these have.
WITH
    toDate(fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')) AS first_day,
    toDate(fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')) AS last_day
SELECT 'resource' AS scope, arrayJoin(resource_attributes.key)::String AS key
FROM origins
WHERE day BETWEEN first_day AND last_day
GROUP BY key
UNION ALL
SELECT 'instrumentation' AS scope, arrayJoin(scope_attributes.key)::String AS key
FROM origins
WHERE day BETWEEN first_day AND last_day
GROUP BY key
UNION ALL
SELECT 'span' AS scope, key::String AS key
FROM attribute_keys
WHERE day BETWEEN first_day AND last_day
GROUP BY key
UNION ALL
SELECT 'event' AS scope, arrayJoin(arrayFlatten(events.attributes)).key::String AS key
FROM (
    SELECT events
    FROM trace_spans
    WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
      AND notEmpty(events)
    LIMIT 100000
)
GROUP BY key
UNION ALL
SELECT 'link' AS scope, arrayJoin(arrayFlatten(links.attributes)).key::String AS key
FROM (
    SELECT links
    FROM trace_spans
    WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
      AND notEmpty(links)
    LIMIT 100000
)
GROUP BY key
