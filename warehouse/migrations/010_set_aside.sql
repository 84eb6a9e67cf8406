-- Make room for tables in partitions of estate, day and load: a partition key cannot be altered. A file of its own, so
-- that run again it never renames the new tables.
RENAME TABLE IF EXISTS crossings -- noqa: PRS
TO crossings_by_day;

RENAME TABLE IF EXISTS camera_minutes -- noqa: PRS
TO camera_minutes_by_day;

RENAME TABLE IF EXISTS camera_sequences -- noqa: PRS
TO camera_sequences_by_day;

RENAME TABLE IF EXISTS gate_passages -- noqa: PRS
TO gate_passages_by_day;

RENAME TABLE IF EXISTS visitors -- noqa: PRS
TO visitors_by_day;

RENAME TABLE IF EXISTS visitor_counts -- noqa: PRS
TO visitor_counts_by_day;

RENAME TABLE IF EXISTS zone_minutes -- noqa: PRS
TO zone_minutes_by_day;

RENAME TABLE IF EXISTS alerts -- noqa: PRS
TO alerts_by_day;

RENAME TABLE IF EXISTS dispositions -- noqa: PRS
TO dispositions_by_day;
