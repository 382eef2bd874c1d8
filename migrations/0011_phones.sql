-- People may come by a phone number instead of a mail address: +, country code, digits, nothing else.
ALTER TABLE users ADD COLUMN phone TEXT;
CREATE UNIQUE INDEX users_phone ON users (phone);

-- Codes and orders belong to whichever was typed.
ALTER TABLE sign_in_codes RENAME COLUMN email TO contact;
ALTER TABLE orders RENAME COLUMN email TO contact;

-- Text messages of each hour of UTC: they cost money, so their number is capped.
CREATE TABLE texts_sent (
    hour BIGINT PRIMARY KEY,                -- since 1970
    sent BIGINT NOT NULL
);
