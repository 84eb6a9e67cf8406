-- What the office keeps itself: funds, incidents reported to it, residents' surveys, manual counts beside a camera.
-- A correction is a new version of the same entry; nothing is overwritten.
CREATE TABLE IF NOT EXISTS funds
(
    estate_id LowCardinality(String),
    entry_id String,
    version UInt32,
    day Date,
    kind LowCardinality(String) COMMENT 'budget, received or spent',
    amount_yuan Decimal(14, 2),
    purpose String,
    imported_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (estate_id, entry_id, version);

CREATE TABLE IF NOT EXISTS incidents
(
    estate_id LowCardinality(String),
    entry_id String,
    version UInt32,
    event_time DateTime('UTC'),
    kind LowCardinality(String) COMMENT 'theft, public_order, fight, fire_lane or other',
    zone_id LowCardinality(String) COMMENT 'empty where the place is not known',
    description String,
    imported_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (estate_id, entry_id, version);

CREATE TABLE IF NOT EXISTS surveys
(
    estate_id LowCardinality(String),
    entry_id String,
    version UInt32,
    day Date,
    question LowCardinality(String) COMMENT 'satisfaction or safety',
    respondents UInt32,
    score_mean Float32 COMMENT '0 to 100',
    score_sd Float32,
    imported_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (estate_id, entry_id, version);

CREATE TABLE IF NOT EXISTS spot_checks
(
    estate_id LowCardinality(String),
    entry_id String,
    version UInt32,
    start_time DateTime('UTC'),
    end_time DateTime('UTC'),
    line_id LowCardinality(String),
    manual_count UInt32 COMMENT 'crossings, both directions, counted by a person',
    imported_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (estate_id, entry_id, version);
