-- The lobby: a poster for each experience, and who wants to be told when it goes live.

-- Its pictures are objects `posters/{name}-{width}.jpg`; the name is new with each upload.
CREATE TABLE posters (
    experience_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    alt TEXT NOT NULL,
    uploaded_at BIGINT NOT NULL
);

-- Objects to delete once `due_at` is over. Noted before they are put and in the same transaction that gives them up, so
-- that no crash leaves one behind.
CREATE TABLE doomed_objects (
    object_key TEXT PRIMARY KEY,
    due_at BIGINT NOT NULL
);
CREATE INDEX doomed_objects_due ON doomed_objects (due_at);

-- Who gets a mail when a stream of an experience goes live: one for each stream, until they turn it off.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    experience_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    asked_at BIGINT NOT NULL,
    told_stream TEXT,          -- the stream that was mailed about last
    due_at BIGINT NOT NULL,    -- free to be mailed from then on; a lease or a retry moves it
    attempts BIGINT NOT NULL
);
CREATE UNIQUE INDEX alerts_of_person ON alerts (user_id, experience_id);
CREATE INDEX alerts_of_experience ON alerts (experience_id, due_at);
