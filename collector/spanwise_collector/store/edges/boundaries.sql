-- Trace ids that cut the spans around a minute into slices of about as many spans, from one span id in 256.
WITH
    toDateTime({minute:UInt32}, 'UTC') AS minute,
    (
        SELECT arraySort(groupArray(trace_id))
        FROM trace_spans
        WHERE start >= minute AND start < minute + toIntervalMinute(1)
          AND reinterpretAsUInt8(substring(span_id, 8, 1)) = 0
    ) AS sample
SELECT lower(hex(arrayJoin(arrayDistinct(arrayFilter(
    (id, place) -> place % {every:UInt32} = 0, sample, arrayEnumerate(sample)
)))))
