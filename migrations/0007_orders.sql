-- Selling passes: prices and their stock, orders, the ledger. Money is in minor units. Times are ms UTC.

-- One version of a price. Its terms never change: an edit is a new row of the same line, and orders keep the old one.
CREATE TABLE prices (
    id TEXT PRIMARY KEY,
    line TEXT NOT NULL,                     -- the price through all its versions; names its stock
    pass_id TEXT NOT NULL REFERENCES passes (id),
    space_id TEXT NOT NULL,
    terms TEXT NOT NULL,                    -- JSON: core::pass::Price
    internal_name TEXT NOT NULL,
    questions TEXT NOT NULL,                -- JSON
    redirect TEXT NOT NULL,                 -- where buyers go; empty: to what they bought
    methods TEXT NOT NULL,                  -- JSON: ways of paying by Stripe's names; empty: those of the account
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE INDEX prices_of_space ON prices (space_id, retired_at);

CREATE TABLE stocks (
    line TEXT PRIMARY KEY,
    total BIGINT,                           -- NULL: without limit
    sold BIGINT NOT NULL,
    held BIGINT NOT NULL
);

-- A purchase. `state` is core::order::Order; the other columns are for finding it.
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    space_id TEXT NOT NULL,
    pass_id TEXT NOT NULL,
    price_id TEXT NOT NULL REFERENCES prices (id),
    line TEXT NOT NULL,
    user_id TEXT,                           -- NULL: not known before it is paid
    email TEXT NOT NULL,
    browser TEXT NOT NULL,                  -- hashed: who may see it without an account
    provider TEXT NOT NULL,                 -- sandbox or stripe
    customer TEXT,                          -- the provider's
    answers TEXT NOT NULL,                  -- JSON
    language TEXT NOT NULL,                 -- of letters about it
    phase TEXT NOT NULL,                    -- as of the last change
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    next_at BIGINT                          -- when its next job is due
);
CREATE INDEX orders_due ON orders (provider, next_at);
CREATE INDEX orders_of_space ON orders (space_id, created_at);
CREATE INDEX orders_of_user ON orders (user_id, created_at);
CREATE INDEX orders_open ON orders (browser, price_id, phase);

-- Which order a payment of the provider belongs to.
CREATE TABLE payments (
    intent TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    invoice BIGINT NOT NULL
);
CREATE INDEX payments_of_order ON payments (order_id);

-- The provider's customer of a person.
CREATE TABLE customers (
    user_id TEXT NOT NULL REFERENCES users (id),
    provider TEXT NOT NULL,
    customer TEXT NOT NULL,
    method TEXT,                            -- the saved card, for paying with one click
    card TEXT,                              -- as people read it: Visa •••• 4242
    PRIMARY KEY (user_id, provider)
);

-- Double entry; the lines of an entry sum to zero.
CREATE TABLE ledger_entries (
    key TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    space_id TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX ledger_of_space ON ledger_entries (space_id, at);
CREATE TABLE ledger_lines (
    entry TEXT NOT NULL REFERENCES ledger_entries (key),
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    minor BIGINT NOT NULL,
    PRIMARY KEY (entry, account)
);
CREATE INDEX ledger_balances ON ledger_lines (currency, account);

-- A pass may come into a hand more than once: freely, and by each order.
ALTER TABLE grants ADD COLUMN order_id TEXT NOT NULL DEFAULT '';
DROP INDEX grants_of_person;
CREATE UNIQUE INDEX grants_of_person ON grants (user_id, space_id, pass_id, order_id);
