-- Which estates does whoever asks see?
SELECT estate_id
FROM estates FINAL
ORDER BY estate_id;
