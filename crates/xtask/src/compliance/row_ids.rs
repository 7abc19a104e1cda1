//! The ids of rows, as they stand in prose (`SHLD-18`) and in names of tests (`shld_18_...`).

use std::collections::{BTreeMap, BTreeSet};

/// All ids there are, by prefix.
#[derive(Default)]
pub(super) struct RowIds {
    numbers: BTreeMap<String, BTreeSet<u32>>,
}

/// What was read: ids of rows, and what looks like one but is of no row.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) ids: Vec<String>,
    pub(super) unknown: Vec<String>,
}

/// The beginning of a range whose end stands on the next line of a comment.
#[derive(Default)]
pub(super) struct OpenRange {
    first: Option<(String, u32)>,
    /// Whether the line ended with the word that makes it a range, not with the id.
    has_word: bool,
}

impl RowIds {
    /// Takes in an id such as `SM-ACK-6`; false if it was there already.
    pub(super) fn insert(&mut self, id: &str) -> bool {
        let Some((prefix, number)) = split(id) else { return false };
        self.numbers.entry(prefix.to_owned()).or_default().insert(number)
    }

    /// Whether there is a row with this id.
    pub(super) fn contains(&self, id: &str) -> bool {
        split(id).is_some_and(|(prefix, number)| self.has(prefix, number))
    }

    /// The ids in a line of prose; `A-1..A-4` and `A-1 to A-4` name what lies between, too.
    pub(super) fn in_prose(&self, text: &str, open: &mut OpenRange) -> Named {
        let mut named = Named::default();
        let OpenRange { first: mut range, mut has_word } = std::mem::take(open);
        let mut at = 0;
        while let Some((start, token)) = next_token(text, at) {
            let end = start + token.len();
            let between = text[at..start].trim();
            let is_range = if has_word { between.is_empty() } else { is_range_word(between) };
            has_word = false;
            at = end;
            let Some((prefix, number)) = split(token) else {
                range = None;
                continue;
            };
            if !self.numbers.contains_key(prefix) {
                range = None;
                continue;
            }
            let from = match range.take() {
                Some((first, from)) if is_range && first == prefix => from.saturating_add(1),
                _ => number,
            };
            self.name_all(prefix, from, number, &mut named);
            range = Some((prefix.to_owned(), number));
        }
        // A range that goes on: the line ends behind its first id, or behind the word.
        let rest = text[at..].trim();
        has_word = is_range_word(rest);
        *open = OpenRange { first: range.filter(|_| has_word || rest.is_empty()), has_word };
        named
    }

    /// The ids that the name of a test begins with: `a_1_a_2_...`, `a_1_to_4_and_b_2_...`.
    pub(super) fn in_name(&self, name: &str) -> Named {
        let words: Vec<&str> = name.split('_').collect();
        let mut named = Named::default();
        let mut last: Option<(String, u32)> = None;
        let mut at = 0;
        while at < words.len() {
            let joins = last.is_some() && matches!(words[at], "and" | "to");
            let next = at + usize::from(joins);
            let prefix = last.as_ref().map(|(prefix, _)| prefix.as_str()).filter(|_| joins);
            let Some((prefix, number, length)) = self.id_at(&words[next..], prefix) else {
                // Ids of other documents may stand between: `attack_c7`, and `sm_8_10`, a section.
                let Some(length) = other_id(&words[at..]) else { break };
                at += length;
                continue;
            };
            let from = match last.take() {
                Some((first, from)) if words[at] == "to" && first == prefix => from + 1,
                _ => number,
            };
            self.name_all(&prefix, from, number, &mut named);
            last = Some((prefix, number));
            at = next + length;
        }
        named
    }

    /// An id at the beginning of `words`, or a bare number behind a word that joins it to one.
    fn id_at(&self, words: &[&str], joined: Option<&str>) -> Option<(String, u32, usize)> {
        for length in [2, 1] {
            let Some(number) = words.get(length).and_then(|word| digits(word)) else { continue };
            let prefix = words[..length].join("-").to_uppercase();
            if self.numbers.contains_key(&prefix) {
                return Some((prefix, number, length + 1));
            }
        }
        let number = words.first().and_then(|word| digits(word))?;
        joined.map(|prefix| (prefix.to_owned(), number, 1))
    }

    fn name_all(&self, prefix: &str, from: u32, to: u32, named: &mut Named) {
        // Numbers were given up within groups, so a range names those that are there.
        if from < to
            && let Some(numbers) = self.numbers.get(prefix)
        {
            let between = numbers.range(from..to).map(|number| format!("{prefix}-{number}"));
            named.ids.extend(between);
        }
        let id = format!("{prefix}-{to}");
        let list = if self.has(prefix, to) { &mut named.ids } else { &mut named.unknown };
        list.push(id);
    }

    fn has(&self, prefix: &str, number: u32) -> bool {
        self.numbers.get(prefix).is_some_and(|numbers| numbers.contains(&number))
    }
}

/// The prefix and the number of `SM-ACK-6`.
fn split(id: &str) -> Option<(&str, u32)> {
    let (prefix, number) = id.rsplit_once('-')?;
    let is_prefix = prefix.starts_with(|first: char| first.is_ascii_uppercase());
    digits(number).filter(|_| is_prefix).map(|number| (prefix, number))
}

fn digits(word: &str) -> Option<u32> {
    word.parse().ok().filter(|_| word.bytes().all(|octet| octet.is_ascii_digit()))
}

/// The number of words of an id that is of no row, at the beginning of a name.
fn other_id(words: &[&str]) -> Option<usize> {
    let is_attack = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && digits(letters.as_str()).is_some()
    };
    match words {
        ["attack", number, ..] if is_attack(number) => Some(2),
        ["sm", section, table, ..] if digits(section).is_some() && digits(table).is_some() => {
            Some(3)
        }
        _ => None,
    }
}

/// The next run of capital letters, digits and hyphens at or behind `from`, and where it begins.
fn next_token(text: &str, from: usize) -> Option<(usize, &str)> {
    let is_inside = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '-';
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    let mut at = from;
    loop {
        let start = at + text[at..].find(|it: char| it.is_ascii_uppercase())?;
        let rest = &text[start..];
        let length = rest.find(|it| !is_inside(it)).unwrap_or(rest.len());
        let token = rest[..length].trim_end_matches('-');
        let before = text[..start].chars().next_back();
        let after = rest[length..].chars().next();
        // `SEG.SEQ-1` is arithmetic, but `..A-4` ends a range.
        let is_field = before == Some('.') && !text[..start].ends_with("..");
        let is_part = is_field || before.is_some_and(|it| is_word(it) || it == '-');
        if !is_part && !after.is_some_and(is_word) {
            return Some((start, token));
        }
        at = start + length;
    }
}

/// Whether a word between two ids makes them the ends of a range.
fn is_range_word(word: &str) -> bool {
    matches!(word, ".." | "to")
}

#[cfg(test)]
mod tests;
