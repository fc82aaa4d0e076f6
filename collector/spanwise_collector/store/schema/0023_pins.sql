-- Which traces are pinned, since when and why. A pin is written after its copies, so it never lacks them.
CREATE TABLE IF NOT EXISTS pins (
    trace_id FixedString(16),
    pinned_at DateTime('UTC') DEFAULT now(),
    note String
) ENGINE = $replacing
ORDER BY trace_id
SETTINGS $durable
