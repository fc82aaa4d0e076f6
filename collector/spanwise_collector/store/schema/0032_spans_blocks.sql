-- The same for spans, of which a search for an operation reads a few in each part.
ALTER TABLE spans MODIFY SETTING min_compress_block_size = 8192
