-- Which traces a block of trace_spans has: without it each part's block around a trace id is opened, column by column.
ALTER TABLE trace_spans ADD INDEX IF NOT EXISTS trace_ids trace_id TYPE bloom_filter(0.01) GRANULARITY 1
