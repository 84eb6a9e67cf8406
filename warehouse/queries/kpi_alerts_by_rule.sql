-- How many alerts did each rule raise, and what did people say of them (last word)?
-- What the nightly says of itself is none of the estate's.
WITH said AS (
    SELECT
        alert_id,
        argMax(verdict, (event_time, disposition_id)) AS last_verdict
    FROM dispositions
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last_disposition_day:Date}
    GROUP BY alert_id
),

opened AS (
    SELECT
        alert_id,
        rule,
        status,
        dateDiff('second', opened_time, closed_time) / 60 AS open_minutes
    FROM alerts
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND rule != 'reconciliation'
)

SELECT
    opened.rule AS alert_rule,
    count() AS alerts,
    countIf(opened.status != 'closed') AS still_open,
    countIf(said.last_verdict IN ('true', 'benign')) AS judged_true,
    countIf(said.last_verdict = 'false') AS judged_false,
    alerts - judged_true - judged_false AS not_judged,
    quantileExact(0.5)(opened.open_minutes) AS median_minutes  -- noqa: LT01
FROM opened
LEFT JOIN said ON opened.alert_id = said.alert_id
GROUP BY alert_rule
ORDER BY
    alerts DESC,
    alert_rule ASC;
