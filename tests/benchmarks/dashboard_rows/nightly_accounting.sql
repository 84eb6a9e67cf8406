-- A day is loaded.
INSERT INTO nightly_accounting (estate_id, day, loaded_at)
SELECT
    {estate:String} AS estate_id,
    {day:Date} AS day,
    now64(3) AS loaded_at
