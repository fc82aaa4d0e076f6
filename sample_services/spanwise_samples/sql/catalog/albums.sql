-- A page of albums by id, of one genre or (genre NULL) of all.
SELECT albums.album_id, albums.title, artists.name AS artist, albums.genre, albums.year, albums.price_cents
FROM albums
JOIN artists USING (artist_id)
WHERE albums.album_id > :after
  AND (:genre IS NULL OR albums.genre = :genre)
ORDER BY albums.album_id
LIMIT :limit
