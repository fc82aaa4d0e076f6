-- Albums whose title, artist or one track contains the words; `pattern` is a LIKE pattern escaped with a backslash.
SELECT albums.album_id, albums.title, artists.name AS artist, albums.genre, albums.year, albums.price_cents
FROM albums
JOIN artists USING (artist_id)
WHERE albums.title LIKE :pattern ESCAPE '\'
   OR artists.name LIKE :pattern ESCAPE '\'
   OR EXISTS (
       SELECT 1
       FROM tracks
       WHERE tracks.album_id = albums.album_id
         AND tracks.title LIKE :pattern ESCAPE '\'
   )
ORDER BY albums.album_id
LIMIT :limit
