-- Traces with spans that meet conditions, those whose spans started last first, and when that was. The conditions take the
-- place `matching`: SQL of our own that holds nothing but bound parameters.
SELECT trace_id, toUnixTimestamp64Nano(max(start)) AS latest_ns
/*matching*/
ORDER BY latest_ns DESC
LIMIT {limit:UInt32}
