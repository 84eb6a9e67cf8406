-- Which staging tables are there?
SELECT name
FROM system.tables
WHERE database = currentDatabase() AND match(name, '_staging_[0-9a-f]+$')
ORDER BY name;
