-- What ended lately is asked for every two seconds: see src/access/watch.rs.
CREATE INDEX sessions_revoked ON sessions (revoked_at);
CREATE INDEX memberships_left ON memberships (left_at);
