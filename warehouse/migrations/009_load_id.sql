-- Each row says which load it came with, and each day's account which load counts: one insert there switches a day in
-- all tables at once. What was loaded before has one load for each estate and day.
ALTER TABLE crossings -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE camera_minutes -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE camera_sequences -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE gate_passages -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE visitors -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE visitor_counts -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE zone_minutes -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE alerts -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE dispositions -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);

ALTER TABLE nightly_accounting -- noqa: PRS
ADD COLUMN IF NOT EXISTS load_id UInt64 MATERIALIZED cityHash64(estate_id, day);
