-- How many rows does a table hold, and what is their fingerprint, whatever their order?
SELECT
    count() AS number,
    hex(sum(cityHash64(toString(tuple(*))))) AS content_hash
FROM {database:Identifier}.{table:Identifier};
