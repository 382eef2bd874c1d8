-- What a space's sales page says beside the settings of the space, one row per part, so that two editors of different
-- parts never meet. `body` is JSON; it is empty for parts that are settings, whose row only says who wrote them last.
CREATE TABLE sales_parts (
    space_id TEXT NOT NULL,
    part TEXT NOT NULL,
    body TEXT NOT NULL,
    edited_by TEXT NOT NULL REFERENCES users (id),
    edited_at BIGINT NOT NULL,
    PRIMARY KEY (space_id, part)
);

-- How many hold a pass of a space now is counted from this alone; without it all grants of all spaces were read.
CREATE INDEX grants_of_space ON grants (space_id, revoked_at, pass_id, user_id, expires_at);

-- What kind of experience it is, for those that are no live stream. `body` is JSON of the kind's own.
CREATE TABLE experience_kinds (
    experience_id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
