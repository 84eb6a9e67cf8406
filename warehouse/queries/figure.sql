-- What was an issued report's figure made from? One row for each estate that issued it.
SELECT
    estate_id,
    label,
    sql,
    evidence,
    first_day,
    last_day,
    reported_at
FROM kpi_figures FINAL
WHERE
    figure_id = {figure:String}
    AND content_hash = {content:String}
ORDER BY estate_id;
