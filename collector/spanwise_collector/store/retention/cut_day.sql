-- Takes what is older than a time out of one day of a table. Parts that are older as a whole are only emptied.
ALTER TABLE $table DELETE IN PARTITION ID '$day' WHERE $time < toDateTime($began, 'UTC') SETTINGS mutations_sync = 1
