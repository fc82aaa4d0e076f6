-- The versions that were applied.
SELECT version FROM schema_history
