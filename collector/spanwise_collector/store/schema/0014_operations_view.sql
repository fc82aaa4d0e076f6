-- Fills the catalog of services and operations.
CREATE MATERIALIZED VIEW IF NOT EXISTS operations_view TO operations AS
SELECT DISTINCT toDate(start) AS day, service, name, kind
FROM span_rows
