-- What was set aside has been copied.
DROP TABLE IF EXISTS crossings_by_day;
DROP TABLE IF EXISTS camera_minutes_by_day;
DROP TABLE IF EXISTS camera_sequences_by_day;
DROP TABLE IF EXISTS gate_passages_by_day;
DROP TABLE IF EXISTS visitors_by_day;
DROP TABLE IF EXISTS visitor_counts_by_day;
DROP TABLE IF EXISTS zone_minutes_by_day;
DROP TABLE IF EXISTS alerts_by_day;
DROP TABLE IF EXISTS dispositions_by_day;
