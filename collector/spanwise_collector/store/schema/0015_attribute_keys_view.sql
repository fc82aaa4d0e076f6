-- Fills the catalog of span attributes.
CREATE MATERIALIZED VIEW IF NOT EXISTS attribute_keys_view TO attribute_keys AS
SELECT DISTINCT toDate(start) AS day, service, attribute.key AS key, attribute.type AS type
FROM span_rows
ARRAY JOIN attributes AS attribute
