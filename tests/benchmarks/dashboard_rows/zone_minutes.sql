-- A day of every zone's minutes.
INSERT INTO zone_minutes
(
    estate_id, day, minute, zone_id, ins, outs, batch_ins, batch_outs, occupancy, low, high, visible, coverage, revision
)
SELECT
    {estate:String} AS estate_id,
    {day:Date} AS day,
    toDateTime({day:Date}, 'Asia/Shanghai')
    + toIntervalMinute(intDiv(number, length({zones:Array(String)}))) AS minute,
    {zones:Array(String)}[1 + number % length({zones:Array(String)})] AS zone_id,
    cityHash64(number) % 5 AS ins,
    cityHash64(number, 1) % 5 AS outs,
    ins AS batch_ins,
    outs AS batch_outs,
    (cityHash64(number, 2, {day:Date}) % 2000) / 10 AS occupancy,
    occupancy - 1 AS low,
    occupancy + 1 AS high,
    NULL AS visible,
    'full' AS coverage,
    1 AS revision
FROM numbers(1440 * length({zones:Array(String)}))
