-- Trace ids that cut the spans of a range of time into slices of about as many spans, from one span id in 256.
WITH (
    SELECT arraySort(groupArray(trace_id))
    FROM trace_spans
    WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
      AND reinterpretAsUInt8(substring(span_id, 8, 1)) = 0
) AS sample
SELECT lower(hex(arrayJoin(arrayDistinct(arrayFilter(
    (id, place) -> place % {every:UInt32} = 0, sample, arrayEnumerate(sample)
)))))
