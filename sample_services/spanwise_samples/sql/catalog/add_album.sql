-- One album of a new catalogue.
INSERT INTO albums (album_id, artist_id, title, genre, year, price_cents)
VALUES (:album_id, :artist_id, :title, :genre, :year, :price_cents)
