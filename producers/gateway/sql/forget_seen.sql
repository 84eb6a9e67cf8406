DELETE FROM seen WHERE seen_ms < :before_ms;
