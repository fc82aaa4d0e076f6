-- One track of a new catalogue.
INSERT INTO tracks (album_id, position, title, seconds)
VALUES (:album_id, :position, :title, :seconds)
