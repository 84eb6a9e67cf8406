-- What was the operator told last of a day's reconciliation?
SELECT
    revision,
    status,
    opened_ms,
    measured
FROM reconciliation_alerts FINAL
WHERE estate_id = {estate:String} AND alert_id = {alert_id:String};
