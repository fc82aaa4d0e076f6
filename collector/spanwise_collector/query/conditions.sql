-- :service_in  spans of these services
service IN $services
-- :name_like  spans of this name, in any case
lowerUTF8(name) = lowerUTF8($name)
-- :name_is  spans of this name
name = $name
-- :has_error  failed, or tagged as an error
status_code = 'error' OR arrayExists(a -> a.key = 'error' AND a.value != 'false', attributes)
-- :has_attribute  an attribute of this key, or an event of this name
arrayExists(a -> a.key = $key, attributes) OR arrayExists(e -> e.name = $key, events)
-- :attribute_is  an attribute of this key whose text is this
arrayExists(a -> a.key = $key AND a.value = $value, attributes)
-- :resource_is  a resource attribute of this key whose text is this
origin IN (SELECT origin FROM origins WHERE arrayExists(a -> a.key = $key AND a.value = $value, resource_attributes))
-- :lasted  a duration within bounds in nanoseconds, both included
duration_ns >= $least AND duration_ns <= $most
-- :negation  what is not so
NOT ($condition)
-- :in_attributes  a span attribute of this key that passes a test
arrayExists(a -> a.key = $key AND ($test), attributes)
-- :in_resource  a resource attribute of this key that passes a test
origin IN (SELECT origin FROM origins WHERE arrayExists(a -> a.key = $key AND ($test), resource_attributes))
-- :in_scope  an attribute of the instrumentation scope of this key that passes a test
origin IN (SELECT origin FROM origins WHERE arrayExists(a -> a.key = $key AND ($test), scope_attributes))
-- :in_events  an event with an attribute of this key that passes a test
arrayExists(e -> arrayExists(a -> a.key = $key AND ($test), e.attributes), events)
-- :in_links  a link with an attribute of this key that passes a test
arrayExists(l -> arrayExists(a -> a.key = $key AND ($test), l.attributes), links)
-- :text_value  an attribute that is a text, compared
a.type = 'string' AND a.value $operator $value
-- :pattern_value  an attribute that is a text, matching a regular expression
a.type = 'string' AND match(a.value, $value)
-- :other_pattern_value  an attribute that is a text, not matching a regular expression
a.type = 'string' AND NOT match(a.value, $value)
-- :boolean_value  an attribute that is true or false, compared
a.type = 'bool' AND a.value $operator $value
-- :integer_value  an attribute that is a number, compared with a whole number; all digits of a large one count
if(a.type = 'int', toInt64OrZero(a.value) $operator $value, a.type = 'double' AND toFloat64OrZero(a.value) $operator $value)
-- :number_value  an attribute that is a number, compared
a.type IN ('int', 'double') AND toFloat64OrZero(a.value) $operator $value
-- :here  a test of the span's own columns
$test
-- :at_origin  a test of the instrumentation scope
origin IN (SELECT origin FROM origins WHERE $test)
-- :at_event  an event that passes a test
arrayExists(e -> $test, events)
-- :at_link  a link that passes a test
arrayExists(l -> $test, links)
-- :compared  a column, compared
$column $operator $value
-- :id  a column of bytes, compared with hexadecimal digits
$column $operator unhex($value)
-- :pattern  a column that matches a regular expression
match($column, $value)
-- :other_pattern  a column that does not
NOT match($column, $value)
-- :is_given  a column that has another value than the one that stands for none
$column != $none
-- :matching  traces that have a span for each of some conditions
trace_id IN (
    SELECT trace_id
    $spans
)
-- :spans_by_trace  the spans that meet one of some conditions, of each trace that has one for each of them
FROM $table
$first
WHERE $rest
GROUP BY trace_id
HAVING $each
-- :starting_until  and not of traces that start after the window
(start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') OR trace_id IN (
    SELECT trace_id
    FROM traces
    WHERE minute >= toStartOfMinute(fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')) - {around_s:UInt32}
      AND minute <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
))
-- :first  what is looked at before the columns that are dear to read
PREWHERE ($needed) AND $times
-- :in_window  spans of traces that start in a window
start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
    AND start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC') + toIntervalSecond({around_s:UInt32})
-- :in_time  spans that started in a time
start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND start <= fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
-- :has_key  spans with an attribute of this key, whatever its value
has(attributes.key, $key)
-- :may_have_value  and of blocks that may have one of these hashes, as the index `attribute_values` tells (the hint is itself true)
has(attributes.key, $key) AND indexHint(
    hasAny(arrayMap((key, value) -> cityHash64(key, value), attributes.key, attributes.value), [$hashes])
)
-- :has_text  spans with an attribute of this text, whatever its key
has(attributes.value, $text)
-- :hash_of_value  what the index has of a key and a value's text
cityHash64($key, $text)
-- :text_of  a number as the store has it
toString($value)
-- :text_of_double  a whole number as the store has it when it was sent as a double
toString(toFloat64($value))
-- :met  that some span meets a condition
countIf($condition) > 0
-- :is_entry  spans that began a service's work
kind IN ('server', 'consumer')
-- :source  a table, what is joined to it, and what is looked at first
$table $joins $first
-- :joined_value  a value of each origin, joined to the spans of it
ANY LEFT JOIN (SELECT origin, $value AS $name FROM origins) AS of_$name USING (origin)
-- :column_group  a column's value as type and text
concat('string:', toString($column))
-- :attribute_group  an attribute's value as type and text, or NULL where there is none of this key
if(
    arrayExists(a -> a.key = $key, $attributes),
    concat(
        toString(arrayFirst(a -> a.key = $key, $attributes).type), ':', arrayFirst(a -> a.key = $key, $attributes).value
    ),
    NULL
)
-- :item_attribute_group  the different values of an attribute of events or links; a span counts for each of them
toNullable(arrayJoin(arrayDistinct(arrayFlatten(arrayMap(
    item -> arrayMap(a -> concat(toString(a.type), ':', a.value), arrayFilter(a -> a.key = $key, item.attributes)), $items
)))))
-- :item_group  the different values of a field of events or links; a span counts for each of them
toNullable(arrayJoin(arrayDistinct(arrayMap(item -> concat('string:', toString($value)), $items))))
-- :in_hex  bytes as hexadecimal digits
lower(hex($column))
-- :named  a value and the name of its column
$value AS $name
