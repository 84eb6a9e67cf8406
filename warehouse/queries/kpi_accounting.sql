-- Of the period's days, how many are loaded, and do raw = valid + duplicates + dead letters on each?
SELECT
    count() AS days_loaded,
    100 * count() / {days:UInt32} AS loaded_rate,
    if(count() = 0, NULL, 100 * countIf(raw = valid + duplicates + dead_letters) / count()) AS balanced_rate,
    sum(raw) AS raw_records,
    sum(valid) AS valid_records,
    sum(duplicates) AS duplicate_records,
    sum(dead_letters) AS dead_letter_records,
    sum(late) AS late_records,
    sum(streamed_dead_letters) AS streamed_dead_letter_records
FROM nightly_accounting FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
