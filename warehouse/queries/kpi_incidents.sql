-- How many incidents were reported in the period and in the same period a year before?
-- NULL where the ledger has no entry at all for that period: then it is missing, not zero.
WITH latest AS (
    SELECT
        kind,
        removed,
        toUnixTimestamp(event_time) AS second
    FROM incidents
    WHERE estate_id = {estate:String}
    ORDER BY version DESC
    LIMIT 1 BY entry_id
),

placed AS (
    SELECT
        kind,
        second >= {start_s:Int64} AND second < {end_s:Int64} AS now,
        second >= {previous_start_s:Int64} AND second < {previous_end_s:Int64} AS before
    FROM latest
    WHERE removed = 0
)

SELECT
    countIf(now) AS entries,
    countIf(before) AS entries_previous,
    if(entries = 0, NULL, countIf(now AND kind = 'theft')) AS theft,
    if(entries_previous = 0, NULL, countIf(before AND kind = 'theft')) AS theft_previous,
    if(entries = 0, NULL, countIf(now AND kind IN ('theft', 'public_order', 'fight'))) AS public_order,
    if(
        entries_previous = 0, NULL, countIf(before AND kind IN ('theft', 'public_order', 'fight'))
    ) AS public_order_previous,
    if(entries = 0, NULL, countIf(now AND kind = 'fire_lane')) AS fire_lane,
    if(entries_previous = 0, NULL, countIf(before AND kind = 'fire_lane')) AS fire_lane_previous
FROM placed;
