-- Which queries of these users are running?
SELECT query_id
FROM system.processes
WHERE has({users:Array(String)}, user);
