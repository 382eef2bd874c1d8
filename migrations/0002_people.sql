-- People: who they are, how they sign in, what they may enter. Times are ms UTC; flags are 0 or 1.

-- A person. Guests have no email: an account is made of them when they sign in.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT UNIQUE,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The public side of a person; stays theirs when they leave a team.
CREATE TABLE creator_profiles (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    handle TEXT NOT NULL UNIQUE,
    bio TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The newest code of an address in one browser. Only keyed hashes are kept.
CREATE TABLE sign_in_codes (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    browser TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    tries BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX sign_in_codes_newest ON sign_in_codes (email, browser);
CREATE INDEX sign_in_codes_expiry ON sign_in_codes (expires_at);

-- A signed-in browser. Rows stay after their end, as a record.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL UNIQUE,
    device TEXT NOT NULL,
    network TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX sessions_of_user ON sessions (user_id, network);

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Never deleted: who left is marked.
CREATE TABLE memberships (
    team_id TEXT NOT NULL REFERENCES teams (id),
    user_id TEXT NOT NULL REFERENCES users (id),
    role TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    left_at BIGINT,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX memberships_of_user ON memberships (user_id);

-- A pass on sale. `opens` is JSON: "all" or {"only": [experience ids]}.
CREATE TABLE passes (
    id TEXT PRIMARY KEY,
    space_id TEXT NOT NULL,
    name TEXT NOT NULL,
    opens TEXT NOT NULL,
    is_default BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX passes_of_space ON passes (space_id);

-- A pass in somebody's hand. The index serves every access decision: who, in which space.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    pass_id TEXT NOT NULL REFERENCES passes (id),
    space_id TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id),
    granted_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX grants_of_person ON grants (user_id, space_id, pass_id);
CREATE INDEX grants_expiry ON grants (expires_at);
CREATE INDEX grants_revoked ON grants (revoked_at);

-- How a space looks: what the domain does not decide on.
CREATE TABLE space_looks (
    space_id TEXT PRIMARY KEY,
    accent TEXT NOT NULL
);

-- Addresses given up by a rename; they lead to the new one until somebody else takes them.
CREATE TABLE old_addresses (
    kind TEXT NOT NULL,
    parent TEXT NOT NULL,
    slug TEXT NOT NULL,
    target TEXT NOT NULL,
    given_up_at BIGINT NOT NULL,
    PRIMARY KEY (kind, parent, slug)
);

-- Who did what to whom, for disputes. Never changed.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
