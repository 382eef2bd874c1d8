-- Passes with an address, words, a state and an order of their own; free access may end after some days.
-- Those made before were the one free pass of their space.
ALTER TABLE passes ADD COLUMN slug TEXT NOT NULL DEFAULT 'free';
ALTER TABLE passes ADD COLUMN internal_name TEXT NOT NULL DEFAULT '';
ALTER TABLE passes ADD COLUMN headline TEXT NOT NULL DEFAULT '';
ALTER TABLE passes ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE passes ADD COLUMN status TEXT NOT NULL DEFAULT 'published';
ALTER TABLE passes ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
ALTER TABLE passes ADD COLUMN days BIGINT;                          -- how long it lasts once taken; NULL has no end
ALTER TABLE passes ADD COLUMN opens_changed_at BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX passes_address ON passes (space_id, slug);
CREATE INDEX passes_opens_changed ON passes (opens_changed_at);
