-- How long did people stay in each zone, by the local day and hour in which they came in? Nobody is known again.
-- Mean: Little's law, mean occupancy / arrival rate. Quantiles: first in, first out within the day, right for a queue
-- and too narrow elsewhere; who is still inside at its end has no stay. Inside at its start: whom the first
-- minute's estimate says, and at least whoever leaves before anybody who could have come in.
WITH effects AS (
    SELECT
        effect.1 AS line_id,
        effect.2 AS zone_id,
        effect.3 AS sign
    FROM
        (
            SELECT arrayJoin(arrayZip(
                {effect_lines:Array(String)}, {effect_zones:Array(String)}, {effect_signs:Array(Int8)}
            )) AS effect
        ) AS pairs
),

passages AS (
    SELECT
        effects.zone_id,
        seen.day,
        seen.event_time,
        seen.direction * effects.sign AS change,
        row_number() OVER (
            PARTITION BY effects.zone_id, seen.day, seen.direction * effects.sign
            ORDER BY seen.event_time ASC, seen.crossing_id ASC
        ) AS number,
        sum(seen.direction * effects.sign) OVER (
            PARTITION BY effects.zone_id, seen.day ORDER BY seen.event_time ASC, seen.crossing_id ASC
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS balance
    FROM crossings AS seen
    INNER JOIN effects ON seen.line_id = effects.line_id
    WHERE
        seen.estate_id = {estate:String}
        AND seen.day BETWEEN {first:Date} AND {last:Date}
        AND seen.object_class = 'person'
),

before AS (
    SELECT
        zone_id,
        day,
        argMin(occupancy - (toInt64(ins) - toInt64(outs)), (minute, revision)) AS persons
    FROM zone_minutes
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND coverage != 'unknown'
    GROUP BY
        zone_id,
        day
),

at_start AS (
    SELECT
        passages.zone_id,
        passages.day,
        greatest(0, -min(passages.balance), toInt64(round(any(before.persons)))) AS persons
    FROM passages
    LEFT JOIN before ON passages.zone_id = before.zone_id AND passages.day = before.day
    GROUP BY
        zone_id,
        day
),

entered AS (
    SELECT
        passages.zone_id,
        passages.day,
        passages.event_time AS entered_time,
        passages.number + at_start.persons AS leaves_as
    FROM passages
    INNER JOIN at_start ON passages.zone_id = at_start.zone_id AND passages.day = at_start.day
    WHERE passages.change > 0
),

exits AS (
    SELECT
        zone_id,
        day,
        event_time AS left_time,
        number AS leaves_as
    FROM passages
    WHERE change < 0
),

stays AS (
    SELECT
        entered.zone_id,
        entered.day,
        toHour(entered.entered_time, {tz:String}) AS hour,
        exits.leaves_as > 0 AS gone,
        dateDiff('millisecond', entered.entered_time, exits.left_time) / 60000 AS minutes
    FROM entered
    LEFT JOIN exits
        ON
            entered.zone_id = exits.zone_id
            AND entered.day = exits.day
            AND entered.leaves_as = toInt64(exits.leaves_as)
),

fifo AS (
    SELECT
        zone_id,
        day,
        hour,
        count() AS entries,
        countIf(NOT gone) AS still_inside,
        if(still_inside = entries, NULL, quantileExactInclusiveIf(0.5)(minutes, gone)) AS p50_minutes,  -- noqa: LT01
        if(still_inside = entries, NULL, quantileExactInclusiveIf(0.9)(minutes, gone)) AS p90_minutes  -- noqa: LT01
    FROM stays
    GROUP BY
        zone_id,
        day,
        hour
),

little AS (
    SELECT
        zone_id,
        day,
        toHour(minute, {tz:String}) AS hour,
        avg(occupancy) AS mean_occupancy,
        count() AS known_minutes
    FROM zone_minutes
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND coverage != 'unknown'
    GROUP BY
        zone_id,
        day,
        hour
)

SELECT
    fifo.zone_id AS zone,
    fifo.day AS local_day,
    fifo.hour AS local_hour,
    fifo.entries AS arrivals,
    if(little.known_minutes = 0, NULL, little.mean_occupancy) AS mean_persons,
    if(little.known_minutes = 0, NULL, little.mean_occupancy * 60 / fifo.entries) AS mean_stay_minutes,
    fifo.p50_minutes AS p50_stay_minutes,
    fifo.p90_minutes AS p90_stay_minutes,
    fifo.still_inside AS inside_at_day_end
FROM fifo
LEFT JOIN little ON fifo.zone_id = little.zone_id AND fifo.day = little.day AND fifo.hour = little.hour
ORDER BY
    zone ASC,
    local_day ASC,
    local_hour ASC;
