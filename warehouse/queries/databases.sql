-- Which databases of ours exist?
SELECT name
FROM system.databases
WHERE startsWith(name, 'anfang')
ORDER BY name;
