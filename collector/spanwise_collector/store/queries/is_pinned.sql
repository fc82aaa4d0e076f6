-- Whether a trace is pinned: one row, or none.
SELECT 1 FROM pins WHERE trace_id = toFixedString(unhex({trace_id:String}), 16) LIMIT 1
