-- Calls, failed calls and quantiles of durations (in ns) over time, by some fields, weighted by adjusted counts. A `point` is
-- JSON as it is answered: thousands of them would be read and written again for longer than it takes to count. What is
-- counted takes the place `counted` (see query/counted.sql), the names of its fields the place `names`. A quantile lies
-- within its bucket where its share of the bucket's weight is; there are none where nothing weighs anything.
SELECT
    step,
    calls,
    toJSONString(CAST(
        (
            concat(toString(step), '000000000'),
            calls,
            errors,
            mapFromArrays({quantile_names:Array(String)}, arrayResize(
                arrayMap(
                    (quantile, found) -> toInt64(round(if(found.1 < 0, 0, exp2(found.1 / 4) + (
                        exp2((found.1 + 1) / 4) - exp2(found.1 / 4)
                    ) * (quantile * all_weight - found.3 + found.2) / found.2))),
                    asked,
                    arrayMap(quantile -> arrayFirst(
                        one -> one.3 > 0 AND one.3 >= quantile * all_weight,
                        arrayZip(mapKeys(buckets), mapValues(buckets), sums)
                    ), asked)
                ),
                length({quantile_names:Array(String)}),
                NULL
            ))
        ),
        'Tuple(start_unix_nano String, calls Float64, errors Float64, durations_ns Map(String, Nullable(Int64)))'
    )) AS point
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
LIMIT {limit:UInt32}
SETTINGS output_format_json_quote_64bit_integers = 0
