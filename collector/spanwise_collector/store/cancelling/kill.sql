-- Stops the queries of these marks.
KILL QUERY WHERE Settings['log_comment'] IN {marks:Array(String)} ASYNC
