-- Indexes what was stored before there was an index, in the background.
ALTER TABLE trace_spans MATERIALIZE INDEX IF EXISTS trace_ids
SETTINGS mutations_sync = 0
