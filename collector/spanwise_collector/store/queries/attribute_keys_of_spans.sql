-- The keys of span attributes with their types, of a service or of all when its name is empty.
SELECT key, arraySort(groupUniqArray(toString(type))) AS types
FROM attribute_keys
WHERE {service:String} = '' OR service = {service:String}
GROUP BY key
ORDER BY key
LIMIT {limit:UInt32}
