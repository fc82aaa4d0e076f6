-- Calls, failed calls and quantiles of durations (in ns) over time, by some fields, weighted by adjusted counts. What is
-- counted takes the place `counted` (see query/counted.sql), the names of its fields the place `names`. A quantile lies
-- within its bucket where its share of the bucket's weight is; there are none where nothing weighs anything.
SELECT
    step,
    calls,
    errors,
    arrayMap(
        (quantile, at) -> toInt64(round(
            edges[at].1 + (edges[at].2 - edges[at].1) * (quantile * sums[-1] - sums[at] + weights[at]) / weights[at]
        )),
        asked,
        arrayMap(quantile -> arrayFirstIndex(sum -> sum >= quantile * sums[-1], sums), asked)
    ) AS durations_ns
    /*names*/
FROM (
    SELECT
        step,
        calls,
        errors,
        mapFilter((bucket, weight) -> weight > 0, buckets) AS counted,
        arrayMap(
            bucket -> if(bucket < 0, (0., 0.), (exp2(bucket / 4), exp2((bucket + 1) / 4))), mapKeys(counted)
        ) AS edges,
        mapValues(counted) AS weights,
        arrayCumSum(weights) AS sums,
        if(empty(counted), [], {quantiles:Array(Float64)}) AS asked
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
