-- Drop a table, where it is there.
DROP TABLE IF EXISTS {table:Identifier} SYNC;
