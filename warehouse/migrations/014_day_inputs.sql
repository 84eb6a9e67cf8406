-- What each loaded day was made of: how many records of each topic, and which. A day is loaded again where it differs.
CREATE TABLE IF NOT EXISTS day_inputs
(
    estate_id LowCardinality(String),
    day Date COMMENT 'local day of the estate',
    topic LowCardinality(String),
    records UInt64 COMMENT 'that belong to the day, whatever became of them',
    fingerprint Int64 COMMENT 'sum over the hashes of their Kafka times and bytes, order-free',
    load_id UInt64 MATERIALIZED cityHash64(estate_id, day)
)
ENGINE = MergeTree
PARTITION BY (estate_id, day, load_id)
ORDER BY topic
TTL day + INTERVAL 5 YEAR;
