DELETE FROM outbox WHERE place <= :place;
