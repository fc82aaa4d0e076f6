-- How many spans of a trace are copied.
SELECT count() FROM pinned_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
