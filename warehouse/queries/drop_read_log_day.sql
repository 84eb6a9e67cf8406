-- Drop one day of the read log.
ALTER TABLE read_log -- noqa: PRS
DROP PARTITION {day:Date};
