-- Who imported each version of a ledger's entry and why; and versions that take an entry out again (undo).
ALTER TABLE funds -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8 COMMENT '1: from this version on the entry does not count',
ADD COLUMN IF NOT EXISTS import_id String COMMENT 'empty: imported before this was kept',
ADD COLUMN IF NOT EXISTS imported_by String COMMENT 'person-related: not readable by analysts',
ADD COLUMN IF NOT EXISTS reason String;

ALTER TABLE incidents -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8 COMMENT '1: from this version on the entry does not count',
ADD COLUMN IF NOT EXISTS import_id String COMMENT 'empty: imported before this was kept',
ADD COLUMN IF NOT EXISTS imported_by String COMMENT 'person-related: not readable by analysts',
ADD COLUMN IF NOT EXISTS reason String;

ALTER TABLE surveys -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8 COMMENT '1: from this version on the entry does not count',
ADD COLUMN IF NOT EXISTS import_id String COMMENT 'empty: imported before this was kept',
ADD COLUMN IF NOT EXISTS imported_by String COMMENT 'person-related: not readable by analysts',
ADD COLUMN IF NOT EXISTS reason String;

ALTER TABLE spot_checks -- noqa: PRS
ADD COLUMN IF NOT EXISTS removed UInt8 COMMENT '1: from this version on the entry does not count',
ADD COLUMN IF NOT EXISTS import_id String COMMENT 'empty: imported before this was kept',
ADD COLUMN IF NOT EXISTS imported_by String COMMENT 'person-related: not readable by analysts',
ADD COLUMN IF NOT EXISTS reason String;
