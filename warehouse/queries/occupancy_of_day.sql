-- What did the streams say of each zone's occupancy, minute by minute, on one day? `balance` is the plain running sum.
SELECT
    zone_id,
    toUnixTimestamp(minute) * 1000 AS minute_ms,
    occupancy,
    low,
    high,
    sum(toInt64(ins) - toInt64(outs)) OVER (PARTITION BY zone_id ORDER BY minute) AS balance
FROM zone_minutes
WHERE
    estate_id = {estate:String}
    AND day = {day:Date}
ORDER BY
    zone_id,
    minute_ms;
