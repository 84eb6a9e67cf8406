-- How many rows of a table does whoever asks see?
SELECT count() AS rows_seen
FROM {table:Identifier};
