SELECT coalesce(max(place) - min(place) + 1, 0) FROM outbox;
