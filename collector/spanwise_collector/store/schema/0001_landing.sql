-- Where raw OTLP bytes land: one row is one (joined) ExportTraceServiceRequest. It stores nothing; views carry it on.
-- Nullable members keep which value of the oneof was set; nested arrays and maps stay the bytes of their own message.
CREATE TABLE IF NOT EXISTS otlp (
    resource_spans Array(Tuple(
        resource Tuple(
            attributes $key_values,
            dropped_attributes_count UInt32
        ),
        scope_spans Array(Tuple(
            scope Tuple(
                name String,
                version String,
                attributes $key_values,
                dropped_attributes_count UInt32
            ),
            spans $otlp_spans,
            schema_url String
        )),
        schema_url String
    ))
) ENGINE = Null
