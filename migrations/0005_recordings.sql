-- Recordings in the archive, and how far people have watched them.

CREATE TABLE recordings (
    id TEXT PRIMARY KEY,
    stream_id TEXT NOT NULL,
    experience_id TEXT NOT NULL,
    space_id TEXT NOT NULL,
    title TEXT NOT NULL,
    started_at BIGINT NOT NULL,    -- when its first picture was captured
    duration_ms BIGINT NOT NULL,
    bytes BIGINT NOT NULL,         -- of the playable file
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    folder TEXT NOT NULL,          -- of its objects, with a slash at the end: see src/recording/mod.rs for their names
    stretches TEXT NOT NULL,       -- JSON: where each stretch of the film comes from
    cuts TEXT NOT NULL,            -- JSON: where time is missing
    rule TEXT NOT NULL,            -- who may watch: experience (as that says), open, team
    created_at BIGINT NOT NULL,
    expires_at BIGINT,             -- when it goes by itself
    deleted_at BIGINT              -- its objects are doomed; the row stays, so that nothing archives it again
);
CREATE UNIQUE INDEX recordings_of_stream ON recordings (stream_id);
CREATE INDEX recordings_listed ON recordings (experience_id, started_at) WHERE deleted_at IS NULL;
CREATE INDEX recordings_expiring ON recordings (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;

CREATE TABLE recording_positions (
    user_id TEXT NOT NULL,
    recording_id TEXT NOT NULL,
    position_ms BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, recording_id)
);
CREATE INDEX recording_positions_of_recording ON recording_positions (recording_id);
