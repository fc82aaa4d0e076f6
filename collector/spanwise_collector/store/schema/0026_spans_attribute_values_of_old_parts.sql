-- Indexes what was stored before there was an index, in the background: a search looks through what it has not reached yet.
ALTER TABLE spans MATERIALIZE INDEX IF EXISTS attribute_values, MATERIALIZE INDEX IF EXISTS origins
SETTINGS mutations_sync = 0
