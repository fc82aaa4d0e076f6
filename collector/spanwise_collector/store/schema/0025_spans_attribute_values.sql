-- Which keys with which values, and which origins, a block of spans has, so that a search for a rare one reads few blocks.
ALTER TABLE spans
ADD INDEX IF NOT EXISTS attribute_values
    arrayMap((key, value) -> cityHash64(key, value), attributes.key, attributes.value)
    TYPE bloom_filter(0.01) GRANULARITY 1,
ADD INDEX IF NOT EXISTS origins origin TYPE bloom_filter(0.01) GRANULARITY 1
