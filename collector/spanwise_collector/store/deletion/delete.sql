-- Takes a trace out of a table, and returns when it is gone. The id has been checked to be 32 hexadecimal digits.
ALTER TABLE $table DELETE WHERE trace_id = toFixedString(unhex('$trace_id'), 16) SETTINGS mutations_sync = 2
