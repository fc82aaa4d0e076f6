-- Notes that a trace is pinned.
INSERT INTO pins (trace_id, note) SELECT toFixedString(unhex({trace_id:String}), 16), {note:String}
