//! Pages of lists, the newest object first.

use super::ApiError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// Objects on a page unless asked otherwise, and at most, as at Mux.
const LIMIT: usize = 10;
const LIMIT_MAX: usize = 100;

/// `?page=&limit=` or `?cursor=&limit=`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Page {
    page: Option<usize>,
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Page {
    /// The objects of this page out of all, each given with its order of making, and a cursor for what follows.
    pub fn of<T>(&self, mut all: Vec<(u64, T)>) -> Result<(Vec<T>, Option<String>), ApiError> {
        let limit = self.limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(ApiError::invalid(format!("limit must be between 1 and {LIMIT_MAX}")));
        }
        all.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
        let skipped = match (&self.cursor, self.page) {
            (Some(cursor), _) if !cursor.is_empty() => {
                let before = read(cursor).ok_or_else(|| ApiError::invalid("cursor is not one of ours"))?;
                all.iter().take_while(|(seq, _)| *seq >= before).count()
            }
            (_, Some(0)) => return Err(ApiError::invalid("page counts from 1")),
            (_, Some(page)) => (page - 1).saturating_mul(limit),
            (_, None) => 0,
        };
        let more = all.len() > skipped.saturating_add(limit);
        let shown: Vec<(u64, T)> = all.into_iter().skip(skipped).take(limit).collect();
        let cursor = shown.last().filter(|_| more).map(|(seq, _)| URL_SAFE_NO_PAD.encode(seq.to_string()));
        Ok((shown.into_iter().map(|(_, one)| one).collect(), cursor))
    }
}

fn read(cursor: &str) -> Option<u64> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(u64, u64)> {
        (1..=25).map(|seq| (seq, seq)).collect()
    }

    #[test]
    fn pages_and_cursors_go_through_everything_once() {
        let second = Page { page: Some(2), ..Page::default() };
        assert_eq!(second.of(all()).unwrap().0, (6..=15).rev().collect::<Vec<_>>());
        let (mut seen, mut cursor) = (vec![], None);
        loop {
            let page = Page { limit: Some(7), cursor: cursor.clone(), ..Page::default() };
            let (shown, next) = page.of(all()).unwrap();
            seen.extend(shown);
            let Some(next) = next else { break };
            cursor = Some(next);
        }
        assert_eq!(seen, (1..=25).rev().collect::<Vec<_>>());
    }

    #[test]
    fn wrong_pages_are_refused() {
        for page in [
            Page { limit: Some(0), ..Page::default() },
            Page { limit: Some(101), ..Page::default() },
            Page { page: Some(0), ..Page::default() },
            Page { cursor: Some("?".into()), ..Page::default() },
        ] {
            assert!(page.of(all()).is_err(), "{page:?}");
        }
        let far = Page { page: Some(usize::MAX), limit: Some(100), ..Page::default() };
        assert!(far.of(all()).unwrap().0.is_empty());
    }
}
