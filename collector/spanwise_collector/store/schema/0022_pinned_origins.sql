-- Copies of the resources and scopes that the spans of pinned traces came from.
CREATE TABLE IF NOT EXISTS pinned_origins AS origins
ENGINE = $replacing
ORDER BY origin
SETTINGS index_granularity = 256, $durable
