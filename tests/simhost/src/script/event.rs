//! Lines into events: when, and what.

use super::assertion::Assertion;
use super::call::Call;
use super::error::ScriptError;
use super::icmp::IcmpLine;
use super::packet::PacketLine;

/// One event of a script.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// Where it stands, from 1.
    pub(super) line: usize,
    pub(super) when: When,
    pub(super) what: What,
}

/// When an event happens. Units: microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum When {
    /// So long after the script's beginning.
    At(u64),
    /// So long after the event before it.
    After(u64),
    /// After the event before it, between the two.
    Between(u64, u64),
    /// A call that begins so long after the event before it, and ends so long after that.
    Blocking { begins: u64, ends: u64 },
    /// At any time.
    Any,
}

/// What happens.
#[derive(Clone, Debug)]
pub(super) enum What {
    Arrives(PacketLine),
    ArrivesIcmp(IcmpLine),
    Leaves(PacketLine),
    Call(Call),
    Settings(Vec<(String, String)>),
    Asserts(Vec<Assertion>),
}

/// Reads all events.
pub(super) fn parse(text: &str) -> Result<Vec<Event>, ScriptError> {
    let mut events = Vec::new();
    let mut lines =
        text.lines().enumerate().map(|(index, text)| (index + 1, without_comment(text)));
    while let Some((line, text)) = lines.next() {
        let mut text = text.trim().to_owned();
        if text.is_empty() || text.starts_with("--") {
            continue;
        }
        // A block between backticks or braces may go on over several lines.
        while !is_whole(&text) {
            let Some((_, more)) = lines.next() else {
                return Err(ScriptError::new(line, "the block has no end"));
            };
            text.push('\n');
            text.push_str(more.trim());
        }
        let event = event(line, &text).map_err(|message| ScriptError::new(line, message))?;
        events.push(event);
    }
    Ok(events)
}

fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

fn is_whole(text: &str) -> bool {
    let count = |mark: &str| text.matches(mark).count();
    count("`").is_multiple_of(2) && count("%{") == count("}%")
}

fn event(line: usize, text: &str) -> Result<Event, String> {
    if text.starts_with('`') {
        return Ok(Event { line, when: When::After(0), what: settings(text)? });
    }
    let (when, rest) = text.split_once(char::is_whitespace).ok_or("a time and nothing after it")?;
    let rest = rest.trim();
    let what = match rest.chars().next() {
        Some('<') => match rest[1..].trim().strip_prefix("icmp ") {
            Some(error) => What::ArrivesIcmp(IcmpLine::parse(error)?),
            None => What::Arrives(PacketLine::parse(&rest[1..])?),
        },
        Some('>') => What::Leaves(PacketLine::parse(&rest[1..])?),
        Some('`') => settings(rest)?,
        Some('%') => asserts(rest)?,
        Some(_) => What::Call(Call::parse(rest)?),
        None => return Err("a time and nothing after it".to_owned()),
    };
    Ok(Event { line, when: self::when(when)?, what })
}

fn when(text: &str) -> Result<When, String> {
    if text == "*" {
        return Ok(When::Any);
    }
    let Some(relative) = text.strip_prefix('+') else {
        return match text.split_once("...") {
            Some((begins, ends)) => {
                Ok(When::Blocking { begins: microseconds(begins)?, ends: microseconds(ends)? })
            }
            None => Ok(When::At(microseconds(text)?)),
        };
    };
    if let Some((begins, ends)) = relative.split_once("...") {
        return Ok(When::Blocking { begins: microseconds(begins)?, ends: microseconds(ends)? });
    }
    if let Some((from, to)) = relative.split_once('~') {
        let to = to.strip_prefix('+').unwrap_or(to);
        return Ok(When::Between(microseconds(from)?, microseconds(to)?));
    }
    Ok(When::After(microseconds(relative)?))
}

/// Seconds with up to six digits behind the point.
fn microseconds(text: &str) -> Result<u64, String> {
    let not_a_time = || format!("`{text}` is no time");
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 6 || (seconds.is_empty() && fraction.is_empty()) {
        return Err(not_a_time());
    }
    let number = |digits: &str| match digits {
        "" => Ok(0),
        digits => digits.parse::<u64>().map_err(|_| not_a_time()),
    };
    Ok(number(seconds)? * 1_000_000 + number(&format!("{fraction:0<6}"))?)
}

/// Of commands, only those that set something: `sysctl -q name=value`, one a line.
fn settings(text: &str) -> Result<What, String> {
    let mut settings = Vec::new();
    for command in text.trim_matches('`').lines().map(str::trim).filter(|line| !line.is_empty()) {
        let assignment = command
            .strip_prefix("sysctl -q ")
            .and_then(|assignment| assignment.split_once('='))
            .ok_or_else(|| format!("`{command}` is not `sysctl -q name=value`"))?;
        let (name, value) = assignment;
        settings.push((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()));
    }
    Ok(What::Settings(settings))
}

fn asserts(text: &str) -> Result<What, String> {
    let block = text.strip_prefix("%{").and_then(|text| text.strip_suffix("}%"));
    let block = block.ok_or("a block of assertions ends with }%")?;
    let statements = block.split([';', '\n']).map(|it| it.trim().trim_end_matches('\\').trim());
    let statements = statements.filter(|statement| !statement.is_empty());
    statements.map(Assertion::parse).collect::<Result<_, _>>().map(What::Asserts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("0", Ok(When::At(0))),
            ("1.5", Ok(When::At(1_500_000))),
            ("+.01", Ok(When::After(10_000))),
            ("+3", Ok(When::After(3_000_000))),
            ("+.21~+.215", Ok(When::Between(210_000, 215_000))),
            ("+.1...0.2", Ok(When::Blocking { begins: 100_000, ends: 200_000 })),
            ("*", Ok(When::Any)),
        ] {
            assert_eq!(when(text), expected, "{text}");
        }
        for text in ["", "+", "1.2345678", "+x", "+-1"] {
            assert!(when(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_line() {
        for (text, line) in [
            ("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n\n+0 nothing", 3),
            ("`rm -rf /`", 1),
            ("// fine\n0 > X 1:1(0)", 2),
            ("0 `sysctl -q a=1", 1),
        ] {
            assert_eq!(parse(text).map(|_| ()).map_err(|error| error.line()), Err(line), "{text}");
        }
    }
}
