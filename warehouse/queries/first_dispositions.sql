-- What was first said of alerts on one day, without who said it and the notes?
SELECT
    disposition_id,
    alert_id,
    event_time,
    verdict
FROM {table:Identifier}
WHERE estate_id = {estate:String} AND day = {day:Date}
ORDER BY
    event_time ASC,
    disposition_id ASC
LIMIT {most:UInt32};
