-- How long the calls of an edge took: weights by bucket, whose numbers are those of red_minutes.
ALTER TABLE edges ADD COLUMN IF NOT EXISTS buckets Map(Int16, Float64) CODEC(ZSTD(1))
