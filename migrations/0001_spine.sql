-- The spine: what the actors hold, how it came about, and what still has to be done about it.
-- The same text runs on SQLite and Postgres: TEXT and BIGINT only, times in ms UTC, JSON as TEXT.

-- One row per aggregate: its present state and the columns it is looked up by.
CREATE TABLE aggregates (
    kind       TEXT   NOT NULL, -- space, experience, stream
    id         TEXT   NOT NULL,
    version    BIGINT NOT NULL, -- grows by one with each commit, from 1: the fence
    parent     TEXT   NOT NULL, -- a space's team, an experience's space, a stream's experience
    slug       TEXT,            -- the address part among siblings
    phase      TEXT   NOT NULL,
    space      TEXT,            -- a stream's space
    state      TEXT   NOT NULL, -- JSON
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- INV-01: an experience has at most one open stream.
CREATE UNIQUE INDEX aggregates_one_open_stream ON aggregates (parent)
    WHERE kind = 'stream' AND phase IN ('scheduled', 'lobby', 'live', 'reconnecting');
-- An address is given once: among siblings, and for spaces everywhere.
CREATE UNIQUE INDEX aggregates_one_slug ON aggregates (kind, parent, slug) WHERE slug IS NOT NULL;
CREATE UNIQUE INDEX aggregates_one_space_slug ON aggregates (slug) WHERE kind = 'space';
CREATE INDEX aggregates_by_parent ON aggregates (kind, parent, created_at);
CREATE INDEX aggregates_streams_by_phase ON aggregates (phase, created_at) WHERE kind = 'stream';

-- The timeline: every event that changed an aggregate.
CREATE TABLE events (
    kind    TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    version BIGINT NOT NULL, -- of the aggregate after it
    at      BIGINT NOT NULL,
    event   TEXT   NOT NULL,
    phase   TEXT   NOT NULL, -- after it
    cause   TEXT   NOT NULL,
    payload TEXT   NOT NULL, -- JSON
    PRIMARY KEY (kind, id, version)
);

-- Effects waiting to be performed. A row goes once its effect is done; one given up stays with its error.
CREATE TABLE outbox (
    id       TEXT   NOT NULL PRIMARY KEY, -- idempotency key
    lane     TEXT   NOT NULL,
    owner    TEXT   NOT NULL, -- kind:id of the aggregate that asked
    version  BIGINT NOT NULL, -- version and place: the order among one owner's effects
    place    BIGINT NOT NULL,
    effect   TEXT   NOT NULL, -- JSON
    at       BIGINT NOT NULL, -- committed
    due_at   BIGINT NOT NULL, -- free to be taken from then on; a lease or a retry moves it
    attempts BIGINT NOT NULL DEFAULT 0,
    dead     BIGINT NOT NULL DEFAULT 0, -- 1: given up
    error    TEXT             -- the last failure
);

CREATE INDEX outbox_waiting ON outbox (lane, at, version, place) WHERE dead = 0;
CREATE INDEX outbox_due ON outbox (lane, due_at) WHERE dead = 0;
CREATE INDEX outbox_order ON outbox (owner, lane, version, place) WHERE dead = 0;

-- Durable alarms; at most one of each name per owner.
CREATE TABLE timers (
    owner  TEXT   NOT NULL, -- kind:id
    name   TEXT   NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);

CREATE INDEX timers_due ON timers (due_at);

-- Messages of providers, each stored once. Settled ones stay: they are what a repetition is recognised by.
CREATE TABLE inbox (
    id      TEXT   NOT NULL PRIMARY KEY, -- provider:id of the message
    body    TEXT   NOT NULL,
    at      BIGINT NOT NULL, -- received
    settled BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX inbox_unsettled ON inbox (at, id) WHERE settled = 0;

-- Facts about this installation, such as its id.
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
