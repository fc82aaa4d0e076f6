-- The catalogue: made once, only read afterwards.
CREATE TABLE artists (
    artist_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE albums (
    album_id INTEGER PRIMARY KEY,
    artist_id INTEGER NOT NULL REFERENCES artists,
    title TEXT NOT NULL,
    genre TEXT NOT NULL,
    year INTEGER NOT NULL,
    price_cents INTEGER NOT NULL
);

CREATE INDEX albums_by_genre ON albums (genre, year);

CREATE TABLE tracks (
    album_id INTEGER NOT NULL REFERENCES albums,
    position INTEGER NOT NULL,
    title TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    PRIMARY KEY (album_id, position)
) WITHOUT ROWID;
