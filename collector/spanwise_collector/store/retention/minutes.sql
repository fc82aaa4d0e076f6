-- The spans of each minute of a day, oldest first.
SELECT toUInt32(minute) AS began, sum(span_count) AS spans
FROM service_minutes
WHERE _partition_id = {day:String}
GROUP BY minute
ORDER BY minute
