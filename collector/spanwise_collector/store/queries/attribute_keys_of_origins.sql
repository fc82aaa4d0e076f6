-- The keys of the attributes of resources, or of instrumentation scopes, with their types.
SELECT attribute.key AS key, arraySort(groupUniqArray(toString(attribute.type))) AS types
FROM origins
ARRAY JOIN if({of_scope:Bool}, scope_attributes, resource_attributes) AS attribute
WHERE {service:String} = '' OR service = {service:String}
GROUP BY key
ORDER BY key
LIMIT {limit:UInt32}
