-- The spansets of a TraceQL query in some traces: a row for each span, at most `spans` of each spanset, the earliest first.
-- The places are taken by the relation that the query became and by what is shown of a span and of its spanset: SQL of our
-- own that holds nothing but bound parameters.
/*tree*/
SELECT
    lower(hex(trace_id)) AS id,
    toString(grp) AS spanset,
    matched,
    lower(hex(span_id)) AS span,
    start_ns,
    /*duration*/ AS took_ns,
    /*name*/ AS span_name,
    [/*shown*/]::Array(Tuple(type String, value String)) AS shown,
    [/*labels*/]::Array(Tuple(type String, value String)) AS labels
FROM (SELECT *, count() OVER (PARTITION BY trace_id, grp) AS matched FROM (/*spansets*/))
ORDER BY trace_id, grp, start_ns, uid
LIMIT {spans:UInt32} BY trace_id, grp
