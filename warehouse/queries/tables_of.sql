-- Which tables does a database have, views left out?
SELECT name
FROM system.tables
WHERE database = {database:String} AND NOT endsWith(engine, 'View')
ORDER BY name;
