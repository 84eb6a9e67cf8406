-- Which migrations were applied, and from which content?
SELECT
    version,
    name,
    checksum,
    applied_at
FROM schema_migrations
ORDER BY version;
