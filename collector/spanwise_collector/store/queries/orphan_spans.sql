-- How many spans of some traces name a parent that is not there; traces without such spans have no row.
SELECT lower(hex(trace_id)) AS id, count() AS orphans
FROM trace_spans
WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  AND parent_span_id != toFixedString('', 8)
  AND (trace_id, parent_span_id) NOT IN (
    SELECT trace_id, span_id
    FROM trace_spans
    WHERE trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
  )
GROUP BY trace_id
