-- The keys of the attributes of events, or of links, with their types, in a time.
SELECT attribute.key AS key, arraySort(groupUniqArray(toString(attribute.type))) AS types
FROM trace_spans
ARRAY JOIN if(
    {of_links:Bool},
    arrayFlatten(arrayMap(link -> link.attributes, links)),
    arrayFlatten(arrayMap(event -> event.attributes, events))
) AS attribute
WHERE start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
  AND start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
  AND ({service:String} = '' OR service = {service:String})
GROUP BY key
ORDER BY key
LIMIT {limit:UInt32}
