-- Calls, failed calls and quantiles of durations (in ns) over time, by some fields, weighted by adjusted counts: of each
-- group its calls, and `(step, point)` by step, a point being JSON as it is answered, because thousands of them are read and
-- written again for longer than they are counted. What is counted takes the place `counted` (see query/counted.sql), the
-- names of its fields the place `names`. A quantile lies within its bucket where its share of the bucket's weight is;
-- where nothing weighs anything, `none` stands in their place.
SELECT
    sum(calls) AS total,
    arraySort(groupArray((step, point))) AS points
    /*names*/
FROM (
    SELECT
        step,
        calls,
        concat(
            '{"start_unix_nano":"', toString(step), '000000000","calls":', toString(calls), ',"errors":', toString(errors),
            ',"durations_ns":', if(
                empty(durations_ns),
                {none:String},
                concat('{', arrayStringConcat(
                    arrayMap(
                        (name, lasted) -> concat('"', name, '":', toString(lasted)),
                        {quantile_names:Array(String)},
                        durations_ns
                    ),
                    ','
                ), '}')
            ), '}'
        ) AS point
        /*names*/
    FROM (
        SELECT
            step,
            calls,
            errors,
            arrayMap(
                (quantile, found) -> toInt64(round(if(found.1 < 0, 0, exp2(found.1 / 4) + (
                    exp2((found.1 + 1) / 4) - exp2(found.1 / 4)
                ) * (quantile * all_weight - found.3 + found.2) / found.2))),
                asked,
                arrayMap(quantile -> arrayFirst(
                    one -> one.3 > 0 AND one.3 >= quantile * all_weight,
                    arrayZip(mapKeys(buckets), mapValues(buckets), sums)
                ), asked)
            ) AS durations_ns
            /*names*/
        FROM (
            SELECT
                step,
                calls,
                errors,
                buckets,
                arrayCumSum(mapValues(buckets)) AS sums,
                sums[-1] AS all_weight,
                if(all_weight > 0, {quantiles:Array(Float64)}, []) AS asked
                /*names*/
            FROM (
                SELECT
                    intDiv(toUnixTimestamp(time), {step_s:UInt32}) * {step_s:UInt32} AS step,
                    sum(weight) AS calls,
                    sumIf(weight, failed) AS errors,
                    sumMap(buckets) AS buckets
                    /*names*/
                FROM (/*counted*/)
                GROUP BY step /*names*/
            )
        )
        ORDER BY step
        LIMIT {limit:UInt32}
    )
)
GROUP BY '' /*names*/
HAVING count() > 0
