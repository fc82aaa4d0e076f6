-- The values that the spans of a TraceQL filter have of a field, most frequent first. The places are taken by the relation
-- that the filter became and by the arrays of types and texts in it.
/*tree*/
SELECT value.1 AS type, value.2 AS text
FROM (SELECT arrayJoin(/*values*/) AS value FROM (/*spansets*/))
WHERE type != 'empty'
GROUP BY type, text
ORDER BY count() DESC, text
LIMIT {limit:UInt32}
