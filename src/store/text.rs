//! Statement texts with as many rows as a commit brings; made once, so that each stays a prepared statement.

use std::sync::LazyLock;

/// Most rows written by one statement; more take several.
pub const ROWS_MAX: usize = 8;

type Texts = LazyLock<[String; ROWS_MAX]>;

fn texts(head: &str, columns: usize, tail: &str) -> [String; ROWS_MAX] {
    std::array::from_fn(|index| {
        let row = |row: usize| {
            let places: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<String> = (0..=index).map(row).collect();
        format!("{head} VALUES {}{tail}", rows.join(", "))
    })
}

static OUTBOX: Texts =
    LazyLock::new(|| texts("INSERT INTO outbox (id, lane, owner, version, place, effect, at, due_at)", 8, ""));
static TIMERS: Texts = LazyLock::new(|| {
    let tail = " ON CONFLICT (owner, name) DO UPDATE SET due_at = excluded.due_at";
    texts("INSERT INTO timers (owner, name, due_at)", 3, tail)
});

/// Inserts `rows` (1 to [`ROWS_MAX`]) outbox rows.
pub fn insert_outbox(rows: usize) -> &'static str {
    &OUTBOX[rows.clamp(1, ROWS_MAX) - 1]
}

/// Sets `rows` (1 to [`ROWS_MAX`]) timers, each named once.
pub fn upsert_timers(rows: usize) -> &'static str {
    &TIMERS[rows.clamp(1, ROWS_MAX) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_own_places() {
        assert!(upsert_timers(2).contains("VALUES ($1, $2, $3), ($4, $5, $6) ON CONFLICT"));
        assert!(insert_outbox(1).ends_with("VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"));
    }
}
