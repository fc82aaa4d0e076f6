-- How many spans of a trace there are.
SELECT count() FROM trace_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
