-- What did residents answer, weighted by respondents, and how far may the mean be off (1.96 standard errors)?
WITH latest AS (
    SELECT
        day,
        question,
        respondents,
        removed,
        toFloat64(score_mean) AS score,
        toFloat64(score_sd) AS sd
    FROM surveys
    WHERE estate_id = {estate:String}
    ORDER BY version DESC
    LIMIT 1 BY entry_id
),

summed AS (
    SELECT
        sumIf(respondents, question = 'satisfaction') AS satisfaction_respondents,
        sumIf(respondents * score, question = 'satisfaction') AS satisfaction_sum,
        sumIf(respondents * sd * sd, question = 'satisfaction') AS satisfaction_variance,
        sumIf(respondents, question = 'safety') AS safety_respondents,
        sumIf(respondents * score, question = 'safety') AS safety_sum,
        sumIf(respondents * sd * sd, question = 'safety') AS safety_variance
    FROM latest
    WHERE day BETWEEN {first:Date} AND {last:Date} AND removed = 0
)

SELECT
    satisfaction_respondents,
    safety_respondents,
    satisfaction_sum / nullIf(satisfaction_respondents, 0) AS satisfaction,
    1.96 * sqrt(satisfaction_variance) / nullIf(satisfaction_respondents, 0) AS satisfaction_margin,
    safety_sum / nullIf(safety_respondents, 0) AS safety,
    1.96 * sqrt(safety_variance) / nullIf(safety_respondents, 0) AS safety_margin
FROM summed;
