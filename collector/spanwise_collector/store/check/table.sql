-- Reads all parts of a table and compares their checksums: 1 when they are whole.
CHECK TABLE $table
SETTINGS check_query_single_value_result = 1
