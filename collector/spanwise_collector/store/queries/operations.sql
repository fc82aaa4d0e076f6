-- The operations of a service, or of all when its name is empty.
SELECT DISTINCT service, name, kind
FROM operations
WHERE {service:String} = '' OR service = {service:String}
ORDER BY service, name, kind
LIMIT {limit:UInt32}
-- As in services.sql.
SETTINGS max_threads = 1
