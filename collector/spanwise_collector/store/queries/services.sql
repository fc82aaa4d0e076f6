-- All services with spans in the store.
SELECT DISTINCT service FROM operations ORDER BY service
