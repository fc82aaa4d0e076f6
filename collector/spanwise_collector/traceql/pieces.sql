-- :attribute_type  the type of an attribute out of a column of attributes; 'empty' when it is not there
$column.type[indexOf($column.key, $key)]
-- :attribute_value  its value as text
$column.value[indexOf($column.key, $key)]
-- :attributes_of_many  those of this key of all events or links of the span
arrayFilter(a -> a.key = $key AND a.type != 'empty', arrayFlatten($column.attributes))
-- :intrinsic_duration  in nanoseconds; a clock that was set back makes no negative one
greatest(duration_ns, 0)
-- :intrinsic_name
name
-- :intrinsic_kind
kind
-- :intrinsic_status
status_code
-- :intrinsic_statusMessage
status_message
-- :intrinsic_spanID
lower(hex(span_id))
-- :intrinsic_parentID
lower(hex(parent_span_id))
-- :intrinsic_multiplier  how many spans it stands for
adjusted_count
-- :intrinsic_traceID
lower(hex(trace_id))
-- :intrinsic_traceDuration
trace_duration_ns
-- :intrinsic_rootName
root_name
-- :intrinsic_rootServiceName
root_service
-- :intrinsic_childCount
child_count
-- :intrinsic_nestedSetParent
nested_parent
-- :intrinsic_nestedSetLeft
nested_left
-- :intrinsic_nestedSetRight
nested_right
-- :intrinsic_eventName
arrayMap(e -> e.name, events)
-- :intrinsic_eventTimeSinceStart
arrayMap(e -> toInt64(e.time_unix_nano) - toUnixTimestamp64Nano(start), events)
-- :intrinsic_linkTraceID
arrayMap(l -> lower(hex(l.trace_id)), links)
-- :intrinsic_linkSpanID
arrayMap(l -> lower(hex(l.span_id)), links)
-- :intrinsic_instrumentationName
scope_name
-- :intrinsic_instrumentationVersion
scope_version
-- :is_root  a span that was sent without a parent
parent_span_id = toFixedString('', 8)
-- :origin_is  the resource or scope fits
origin IN (SELECT origin FROM origins WHERE $condition)
-- :any_of_many  an event or a link fits
arrayExists(v -> $condition, $array)
-- :own_or_else  the span's own attribute, or else its resource's
if($own_type != 'empty', $own, $other)
-- :matches  a whole text fits a regular expression
match($value, $pattern)
-- :number  a value that may be no number as a nullable double
multiIf($is_int, toFloat64($int), $is_double, $double, NULL)
-- :attribute_pair  what is shown of an attribute: its type and its text
($type::String, $value)
-- :text_pair
('$type', $value::String)
-- :number_pair
('$type', toString($value))
-- :one_pair
[$pair]
-- :pairs_of_attributes
arrayMap(a -> (a.type::String, a.value), $array)
-- :pairs_of_values
arrayMap(v -> ('$type', toString(v)), $array)
-- :keys
arrayMap(k -> k::String, $column.key)
-- :keys_of_many
arrayMap(a -> a.key::String, arrayFlatten($column.attributes))
-- :bool_pair
('bool', if($value, 'true', 'false'))
-- :optional_number_pair
if(isNull($value), ('empty', ''), ('double', assumeNotNull(toString($value))))
-- :aggregate_pair
('$type', toString($value))
-- :if_pair
if($condition, $pair, ('empty', ''))
-- :uid  tells the spans of a trace apart, also where two share one id
sipHash64(span_id, start, duration_ns, kind, service, name)
-- :scope_ids  the spans of some traces
trace_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))
-- :scope_window  the spans that started in a window
start >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC') AND start < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
-- :scope_window_traces  the traces of which a span started in a window
trace_id IN (SELECT trace_id FROM spans WHERE $window)
-- :source  the spans in scope with what has to be joined to them
(SELECT *, $uid AS uid FROM $table WHERE $scope) AS s $joins
-- :join_origins
LEFT ANY JOIN (SELECT origin, $columns FROM origins LIMIT 1 BY origin) AS o USING (origin)
-- :origin_attribute
($type, $value) AS $name
-- :origin_column
$column AS $name
-- :join_traces
LEFT ANY JOIN (
    SELECT
        trace_id,
        max(toUnixTimestamp64Nano(start) + greatest(duration_ns, 0)) - min(toUnixTimestamp64Nano(start)) AS trace_duration_ns,
        argMin(name, (parent_span_id != toFixedString('', 8), start)) AS root_name,
        argMin(service, (parent_span_id != toFixedString('', 8), start)) AS root_service
    FROM trace_spans
    WHERE $scope
    GROUP BY trace_id
) AS t USING (trace_id)
-- :join_tree
LEFT ANY JOIN ($numbered) AS nested USING (trace_id, uid)
-- :with_tree  a relation with its spans' numbers, for what is only shown of them
SELECT r.*, $columns FROM ($input) AS r LEFT ANY JOIN ($numbered) AS nested USING (trace_id, uid)
-- :numbered  the nested sets of each trace: a walk from parents to children, earlier ones first, numbers each span on its way
-- in and on its way out. A span at `place` of the walk and at `level` of the tree comes in at 2 * place - level.
SELECT
    trace_id,
    node.1 AS uid,
    max(node.2) AS nested_left,
    max(node.3) AS nested_right,
    max(node.4) AS child_count,
    max(node.5) AS nested_parent
FROM (
    SELECT
        trace_id,
        2 * first_place - level AS left,
        arrayJoin(arrayConcat(
            [(above, left, left + 2 * size - 1, toInt64(length(children)), multiIf(level > 1, -2, is_top, -1, 0)::Int64)],
            arrayMap(child -> (child, 0::Int64, 0::Int64, 0::Int64, left), children)
        )) AS node
    FROM (
        SELECT
            trace_id,
            above,
            toInt64(count()) AS size,
            min(place) AS first_place,
            min(depth) AS level,
            max(is_root AND uid = above) AS is_top,
            groupArrayIf(uid, length(uids) > 1 AND uids[-2] = above) AS children
        FROM (
            SELECT
                trace_id,
                uid,
                uids,
                is_root,
                toInt64(length(uids)) AS depth,
                toInt64(row_number() OVER (PARTITION BY trace_id ORDER BY path)) AS place
            FROM (SELECT * FROM tree ORDER BY path LIMIT 1 BY trace_id, uid)
        )
        ARRAY JOIN uids AS above
        GROUP BY trace_id, above
    )
)
GROUP BY trace_id, uid
-- :tree  the way from the top of its trace to each span; a span that is its own ancestor is on none
WITH RECURSIVE tree AS (
    SELECT trace_id, span_id, parent_span_id = toFixedString('', 8) AS is_root, uid, [uid] AS uids, [(start, uid)] AS path
    FROM (SELECT trace_id, span_id, parent_span_id, start, $uid AS uid FROM trace_spans WHERE $scope)
    WHERE (trace_id, parent_span_id) NOT IN (SELECT trace_id, span_id FROM trace_spans WHERE $scope)
    UNION ALL
    SELECT c.trace_id, c.span_id, false, c.uid, arrayPushBack(t.uids, c.uid), arrayPushBack(t.path, (c.start, c.uid))
    FROM (SELECT trace_id, span_id, parent_span_id, start, $uid AS uid FROM trace_spans WHERE $scope) AS c
    INNER JOIN tree AS t ON c.trace_id = t.trace_id AND c.parent_span_id = t.span_id
    WHERE NOT has(t.uids, c.uid)
)
-- :ancestry  each span with each of its ancestors
SELECT trace_id, uid AS below, arrayJoin(arrayPopBack(uids)) AS above FROM tree
-- :filter  the spans in scope that fit; `keys`, `source` and `names` are put in when the whole query is known
SELECT /*keys*/ FROM /*source*/ WHERE $scope AND ($condition)
-- :filter_again  those of a spanset that fit
SELECT /*names*/ FROM ($input) WHERE $condition
-- :and  the spans of both, where both have some
SELECT /*names*/
FROM (
    SELECT *, groupBitOr(side) OVER (PARTITION BY trace_id, grp) AS sides
    FROM (SELECT /*names*/, 1 AS side FROM ($left) UNION ALL SELECT /*names*/, 2 AS side FROM ($right))
)
WHERE sides = 3
LIMIT 1 BY trace_id, grp, uid
-- :or  the spans of either
SELECT /*names*/
FROM (SELECT /*names*/ FROM ($left) UNION ALL SELECT /*names*/ FROM ($right))
LIMIT 1 BY trace_id, grp, uid
-- :child  those on the right whose parent is on the left
SELECT /*names*/ FROM ($right) WHERE (trace_id, grp, parent_span_id) $is_in (SELECT trace_id, grp, span_id FROM ($left))
-- :parent  those on the right whose child is on the left
SELECT /*names*/ FROM ($right) WHERE (trace_id, grp, span_id) $is_in (SELECT trace_id, grp, parent_span_id FROM ($left))
-- :sibling  those on the right that have another child of their parent on the left
SELECT /*names*/ FROM ($right) WHERE (trace_id, grp, uid) $is_in (
    SELECT b.trace_id, b.grp, b.uid
    FROM ($right) AS b
    INNER JOIN (
        SELECT trace_id, grp, parent_span_id, min(uid) AS lowest, max(uid) AS highest
        FROM ($left)
        WHERE parent_span_id != toFixedString('', 8)
        GROUP BY trace_id, grp, parent_span_id
    ) AS a ON a.trace_id = b.trace_id AND a.grp = b.grp AND a.parent_span_id = b.parent_span_id
    WHERE a.lowest != b.uid OR a.highest != b.uid
)
-- :descendant  those on the right that have an ancestor on the left
SELECT /*names*/ FROM ($right) WHERE (trace_id, grp, uid) $is_in (
    SELECT a.trace_id, a.grp, d.below
    FROM ($left) AS a
    INNER JOIN ($ancestry) AS d ON d.trace_id = a.trace_id AND d.above = a.uid
)
-- :ancestor  those on the right that have a descendant on the left
SELECT /*names*/ FROM ($right) WHERE (trace_id, grp, uid) $is_in (
    SELECT a.trace_id, a.grp, d.above
    FROM ($left) AS a
    INNER JOIN ($ancestry) AS d ON d.trace_id = a.trace_id AND d.below = a.uid
)
-- :union_tree  those on the left and on the right of which the upper one is an ancestor of the lower one
SELECT /*names*/
FROM (SELECT /*names*/, 1 AS side FROM ($left) UNION ALL SELECT /*names*/, 2 AS side FROM ($right))
WHERE (trace_id, grp, uid, side) IN (
    SELECT arrayJoin([(a.trace_id, a.grp, a.uid, 1), (b.trace_id, b.grp, b.uid, 2)])
    FROM ($left) AS a
    INNER JOIN ($ancestry) AS d ON d.trace_id = a.trace_id AND d.$left_end = a.uid
    INNER JOIN ($right) AS b ON b.trace_id = a.trace_id AND b.grp = a.grp AND b.uid = d.$right_end
)
LIMIT 1 BY trace_id, grp, uid
-- :by  spansets parted by a value
SELECT /*others*/, sipHash64(i.grp, i.$value) AS grp FROM ($input) AS i
-- :coalesce  the spansets of a trace joined again
SELECT /*others*/, toUInt64(0) AS grp FROM ($input)
-- :aggregated  the spansets of which an aggregate fits
SELECT * FROM (SELECT *, $aggregates FROM ($input)) WHERE $condition
-- :aggregate
$function($value) OVER (PARTITION BY trace_id, grp) AS $name
-- :projected  without the aggregates
SELECT /*names*/ FROM ($input)
-- :metric_rate
[sum($weight) / $seconds]
-- :metric_count_over_time
[sum($weight)]
-- :metric_histogram_over_time
[sum($weight)]
-- :metric_min_over_time
[min($measured)]
-- :metric_max_over_time
[max($measured)]
-- :metric_sum_over_time
[sum($measured * $weight)]
-- :metric_avg_over_time
[sum($measured * $weight) / sum($weight)]
-- :metric_quantile_over_time  exact: the least value that has the share of all weight up to it; weights count in thousandths
quantilesExactWeighted($quantiles)($measured, toUInt64(round($weight * 1000)))
-- :in_seconds
($value / 1000000000)
-- :bucket_pair  the power of two that a value is not above
('double', toString(if($value > 0, exp2(ceil(log2($nanoseconds))) / $unit, 0)))
-- :has_weight
isNotNull($measured) AND ($weight > 0 OR $unweighted)
-- :selected_then
($condition) AND start_ns >= $start AND start_ns < $end
-- :compared_attributes  the attributes and fields by which spans are compared
arrayConcat(
    arrayMap(a -> (concat('span.', a.key), a.type::String, a.value), arrayFilter(a -> a.type IN ('string', 'bool', 'int', 'double'), attributes)),
    $resource,
    [('name', 'string', name::String), ('kind', 'kind', kind::String), ('status', 'status', status_code::String)]
)
-- :compared_resource
arrayMap(
    a -> (concat('resource.', a.key), a.type::String, a.value),
    arrayFilter(a -> a.type IN ('string', 'bool', 'int', 'double'), resource_attributes)
) AS $name
