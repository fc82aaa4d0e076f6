-- The tracks of one album in their order.
SELECT position, title, seconds
FROM tracks
WHERE album_id = :album_id
ORDER BY position
