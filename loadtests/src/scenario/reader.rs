//! Reads a TOML table and collects every mistake in it, so that all can be told at once.

use std::ops::RangeInclusive;

use toml::{Table, Value};

/// A table of the file; what has not been asked for at the end is unknown.
pub(super) struct Section<'a> {
    place: String,
    table: Option<&'a Table>,
    known: Vec<&'static str>,
}

/// What is wrong so far.
pub(super) type Mistakes = Vec<String>;

impl<'a> Section<'a> {
    pub fn root(table: &'a Table) -> Section<'a> {
        Section { place: String::new(), table: Some(table), known: vec![] }
    }

    fn name(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_string() } else { format!("{}.{key}", self.place) }
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.push(key);
        self.table?.get(key)
    }

    /// A table inside; empty when it is not there.
    pub fn section(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Section<'a> {
        let place = self.name(key);
        let table = match self.value(key) {
            Some(Value::Table(table)) => Some(table),
            Some(_) => {
                mistakes.push(format!("{place} must be a table: [{place}]"));
                None
            }
            None => None,
        };
        Section { place, table, known: vec![] }
    }

    /// Tables inside that may be repeated.
    pub fn sections(&mut self, key: &'static str, max: usize, mistakes: &mut Mistakes) -> Vec<Section<'a>> {
        let place = self.name(key);
        let list = match self.value(key) {
            Some(Value::Array(list)) if list.iter().all(Value::is_table) => list.as_slice(),
            Some(_) => {
                mistakes.push(format!("{place} must be tables: [[{place}]]"));
                &[]
            }
            None => &[],
        };
        if list.len() > max {
            mistakes.push(format!("there may be {max} of [[{place}]] at most"));
        }
        let named = |(index, value): (usize, &'a Value)| Section {
            place: format!("{place}[{}]", index + 1),
            table: value.as_table(),
            known: vec![],
        };
        list.iter().take(max).enumerate().map(named).collect()
    }

    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// A text that must be there.
    pub fn text(&mut self, key: &'static str, chars_max: usize, mistakes: &mut Mistakes) -> String {
        let name = self.name(key);
        match self.value(key) {
            Some(Value::String(text)) if !text.is_empty() && text.chars().count() <= chars_max => text.clone(),
            Some(_) => {
                mistakes.push(format!("{name} must be a text of 1 to {chars_max} characters"));
                String::new()
            }
            None => {
                mistakes.push(format!("{name} is missing"));
                String::new()
            }
        }
    }

    pub fn text_or(&mut self, key: &'static str, default: &str, mistakes: &mut Mistakes) -> String {
        if self.table.is_some_and(|table| table.contains_key(key)) {
            return self.text(key, 200, mistakes);
        }
        self.known.push(key);
        default.to_string()
    }

    pub fn texts(&mut self, key: &'static str, max: usize, mistakes: &mut Mistakes) -> Vec<String> {
        let name = self.name(key);
        let Some(value) = self.value(key) else { return vec![] };
        let texts =
            value.as_array().map(|list| list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect());
        match texts {
            Some(texts) if value.as_array().map(Vec::len) == Some(Vec::len(&texts)) && texts.len() <= max => texts,
            Some(_) | None => {
                mistakes.push(format!("{name} must be a list of {max} texts at most"));
                vec![]
            }
        }
    }

    /// A whole number; `None` when it is not there or wrong, which is told.
    pub fn number(&mut self, key: &'static str, range: RangeInclusive<u64>, mistakes: &mut Mistakes) -> Option<u64> {
        let name = self.name(key);
        let value = self.value(key)?;
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        let found = number.filter(|number| range.contains(number));
        if found.is_none() {
            mistakes.push(format!("{name} must be a whole number from {} to {}", range.start(), range.end()));
        }
        found
    }

    /// The same, when it must be there. A wrong one counts as the least.
    pub fn needed(&mut self, key: &'static str, range: RangeInclusive<u64>, mistakes: &mut Mistakes) -> u64 {
        let least = *range.start();
        if self.table.is_some_and(|table| !table.contains_key(key)) {
            mistakes.push(format!("{} is missing", self.name(key)));
        }
        self.number(key, range, mistakes).unwrap_or(least)
    }

    /// Tells of every key that nobody asked for.
    pub fn finish(self, mistakes: &mut Mistakes) {
        for key in self.table.into_iter().flat_map(Table::keys) {
            if !self.known.contains(&key.as_str()) {
                mistakes.push(format!("{} is not known", self.name(key)));
            }
        }
    }
}
