-- How much was budgeted, received and spent up to the period's last day?
WITH latest AS (
    SELECT
        day,
        kind,
        amount_yuan,
        removed
    FROM funds
    WHERE estate_id = {estate:String}
    ORDER BY version DESC
    LIMIT 1 BY entry_id
)

SELECT
    count() AS entries,
    toFloat64(sumIf(amount_yuan, kind = 'budget')) AS budget_yuan,
    toFloat64(sumIf(amount_yuan, kind = 'received')) AS received_yuan,
    toFloat64(sumIf(amount_yuan, kind = 'spent')) AS spent_yuan,
    if(budget_yuan = 0, NULL, 100 * received_yuan / budget_yuan) AS received_rate,
    if(budget_yuan = 0, NULL, 100 * spent_yuan / budget_yuan) AS spent_rate,
    if(budget_yuan = 0, NULL, spent_yuan / {residents:UInt32}) AS spent_per_resident
FROM latest
WHERE day <= {last:Date} AND removed = 0;
