-- All services with spans in the store.
SELECT DISTINCT service FROM operations ORDER BY service
-- Many small parts: threads would take longer to begin than to read.
SETTINGS max_threads = 1
