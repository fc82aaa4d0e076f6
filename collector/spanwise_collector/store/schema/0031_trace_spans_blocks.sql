-- A compressed block of trace_spans is about what 1,024 spans have in a column, not the 64 kB of several times as many that
-- were unpacked with them. It holds for what is written from now on, so for old parts when they are merged.
ALTER TABLE trace_spans MODIFY SETTING min_compress_block_size = 8192
