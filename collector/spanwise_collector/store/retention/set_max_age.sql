-- Gives a table another TTL; rows that are there already follow it too.
ALTER TABLE $table MODIFY TTL $time + toIntervalSecond($seconds)
