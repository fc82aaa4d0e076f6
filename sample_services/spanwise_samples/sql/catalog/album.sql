-- One album.
SELECT albums.album_id, albums.title, artists.name AS artist, albums.genre, albums.year, albums.price_cents
FROM albums
JOIN artists USING (artist_id)
WHERE albums.album_id = :album_id
