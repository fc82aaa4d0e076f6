-- How many spans of a time have each value of a field, most frequent first. The field takes the place `group`, conditions
-- on spans `matching`, and the table `source`: SQL of our own that holds nothing but bound parameters.
SELECT
    /*group*/,
    count() AS spans,
    sum(adjusted_count) AS weighted,
    countIf(status_code = 'error') AS errors
FROM /*source*/
WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND (/*matching*/)
GROUP BY group0
ORDER BY spans DESC, group0
LIMIT {limit:UInt32}
