-- How many detections of which cameras were given up, and not yet told?
SELECT
    camera_id,
    detections
FROM thinned;
