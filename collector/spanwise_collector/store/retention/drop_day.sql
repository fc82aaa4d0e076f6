-- Drops one day of a table.
ALTER TABLE $table DROP PARTITION ID '$day'
