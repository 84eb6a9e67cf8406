-- Who imported each version of a ledger's entry and why; and versions that take an entry out again (undo): from a
-- version with removed = 1 on, the entry does not count. import_id is empty for what was imported before this was kept;
-- imported_by is person-related, readable by the office only.
ALTER TABLE funds -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8,
ADD COLUMN IF NOT EXISTS import_id String,
ADD COLUMN IF NOT EXISTS imported_by String,
ADD COLUMN IF NOT EXISTS reason String;

ALTER TABLE incidents -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8,
ADD COLUMN IF NOT EXISTS import_id String,
ADD COLUMN IF NOT EXISTS imported_by String,
ADD COLUMN IF NOT EXISTS reason String;

ALTER TABLE surveys -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8,
ADD COLUMN IF NOT EXISTS import_id String,
ADD COLUMN IF NOT EXISTS imported_by String,
ADD COLUMN IF NOT EXISTS reason String;

ALTER TABLE spot_checks -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8,
ADD COLUMN IF NOT EXISTS import_id String,
ADD COLUMN IF NOT EXISTS imported_by String,
ADD COLUMN IF NOT EXISTS reason String;
