-- The series of a TraceQL metric: for each its labels, and by time step its value (several for quantiles), how many spans it
-- comes from, and of the slowest of them the trace, the time in milliseconds and the value. The largest series come first.
-- The places are taken by the relation that the query became and by the functions over its columns.
/*tree*/
SELECT
    labels,
    groupArray((step, point, exemplar.1, exemplar.2, exemplar.3)) AS points
FROM (
    SELECT
        [/*labels*/]::Array(Tuple(type String, value String)) AS labels,
        intDiv(start_ns - {from_ns:Int64}, {step_ns:Int64}) AS step,
        /*point*/::Array(Float64) AS point,
        count() AS spans,
        argMax((lower(hex(trace_id)), intDiv(start_ns, 1000000), ifNull(/*measured*/, 0)::Float64), /*duration*/) AS exemplar
    FROM (/*spansets*/)
    WHERE /*condition*/
    GROUP BY labels, step
    ORDER BY step
)
GROUP BY labels
ORDER BY sum(spans) DESC, labels
LIMIT {series:UInt32}
