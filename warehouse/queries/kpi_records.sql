-- Of the records that came in, what share could be used, and what share of the valid ones came in time to be loaded?
SELECT
    sum(raw) AS raw_records,
    sum(dead_letters) AS refused_records,
    sum(valid) AS valid_records,
    sum(late) AS late_records,
    if(raw_records = 0, NULL, 100 * (raw_records - refused_records) / raw_records) AS accepted_rate,
    if(valid_records + late_records = 0, NULL, 100 * valid_records / (valid_records + late_records)) AS in_time_rate
FROM nightly_accounting FINAL
WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last:Date};
