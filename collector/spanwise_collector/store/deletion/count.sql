-- How many spans of a trace there are, in the store or pinned alone.
SELECT greatest(
    (SELECT count() FROM trace_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)),
    (SELECT count() FROM pinned_spans WHERE trace_id = toFixedString(unhex({trace_id:String}), 16))
)
