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
