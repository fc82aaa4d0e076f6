-- Notes that a schema file was applied.
INSERT INTO schema_history (version, name) SELECT {version:UInt32}, {name:String}
