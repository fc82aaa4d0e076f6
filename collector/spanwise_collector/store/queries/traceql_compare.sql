-- How often each value of each attribute occurs in the spans that a comparison selects and in the others, by time step; and
-- of each attribute the total (of type 'total'). The most frequent values come first, with how many there are.
/*tree*/
SELECT selected, name, type, value, groupArray((step, spans)) AS points, count() OVER (PARTITION BY selected, name) - 1 AS known
FROM (
    SELECT
        /*selected*/ AS selected,
        attribute.1 AS name,
        attribute.2 AS type,
        attribute.3 AS value,
        intDiv(start_ns - {from_ns:Int64}, {step_ns:Int64}) AS step,
        count() AS spans
    FROM (/*spansets*/)
    ARRAY JOIN arrayConcat(/*attributes*/, arrayMap(a -> (a.1, 'total', ''), /*attributes*/)) AS attribute
    GROUP BY selected, name, type, value, step
    ORDER BY step
)
GROUP BY selected, name, type, value
ORDER BY selected, name, type = 'total' DESC, sum(spans) DESC, value
LIMIT {values:UInt32} BY selected, name
