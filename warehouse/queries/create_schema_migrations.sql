-- Make the record of applied migrations, where it is missing.
CREATE TABLE IF NOT EXISTS schema_migrations
(
    version UInt32,
    name String,
    checksum String COMMENT 'SHA-256 of the file as it was applied',
    applied_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY version;
