-- Which schema files this store has had.
CREATE TABLE IF NOT EXISTS schema_history (
    version UInt32,
    name String,
    applied_at DateTime('UTC') DEFAULT now()
) ENGINE = $merge
ORDER BY version
