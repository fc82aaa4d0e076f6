-- One artist of a new catalogue.
INSERT INTO artists (artist_id, name)
VALUES (:artist_id, :name)
