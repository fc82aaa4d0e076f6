-- Which traces are pinned.
SELECT DISTINCT trace_id FROM pins LIMIT {limit:UInt32}
