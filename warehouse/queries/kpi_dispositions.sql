-- Of the period's alerts, how many did a person answer, how many in time, and how many were judged false (last word)?
-- An alert about an alert (unanswered) is none of its own, nor is what the nightly tells of itself.
WITH said AS (
    SELECT
        alert_id,
        min(event_time) AS first_time,
        argMax(verdict, (event_time, disposition_id)) AS last_verdict
    FROM dispositions
    WHERE estate_id = {estate:String} AND day BETWEEN {first:Date} AND {last_disposition_day:Date}
    GROUP BY alert_id
),

opened AS (
    SELECT
        alert_id,
        opened_time + toIntervalMinute({timely_minutes:UInt32}) AS due_time
    FROM alerts
    WHERE
        estate_id = {estate:String}
        AND day BETWEEN {first:Date} AND {last:Date}
        AND rule NOT IN ('unanswered', 'reconciliation')
)

SELECT
    count() AS alerts,
    countIf(said.alert_id != '') AS answered,
    countIf(said.alert_id != '' AND said.first_time <= opened.due_time) AS timely,
    countIf(said.last_verdict IN ('true', 'false', 'benign')) AS judged,
    countIf(said.last_verdict = 'false') AS judged_false,
    if(answered = 0, NULL, 100 * answered / alerts) AS answered_rate,
    if(answered = 0, NULL, 100 * timely / alerts) AS timely_rate,
    if(judged = 0, NULL, 100 * judged_false / judged) AS false_rate
FROM opened
LEFT JOIN said ON opened.alert_id = said.alert_id;
