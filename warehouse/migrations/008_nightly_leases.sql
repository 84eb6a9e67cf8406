-- Who loads, or loaded: a nightly bids for the warehouse with a row, says again and again that it lives, and releases.
CREATE TABLE IF NOT EXISTS nightly_leases
(
    holder String COMMENT 'random, one for each run',
    host String,
    pid UInt32,
    place String COMMENT 'the boot and pid namespace in which the pid means anything',
    process_started Float64 COMMENT 'Unix seconds, tells the process from a later one of the same pid',
    started DateTime64(3, 'UTC'),
    seen DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'last sign of life, by the server''s clock',
    released UInt8
)
ENGINE = ReplacingMergeTree(seen)
ORDER BY holder
TTL toDateTime(seen) + INTERVAL 30 DAY;
