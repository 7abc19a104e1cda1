//! The values that options come in: numbers, pairs of them, names.

use core::time::Duration;

use crate::errno::{Fault, fails};

/// The first number of an option's value, in the order of octets of this machine.
pub(super) fn number(value: &[u8]) -> Result<i32, Fault> {
    match value.first_chunk() {
        Some(octets) => Ok(i32::from_ne_bytes(*octets)),
        None => fails(libc::EINVAL),
    }
}

/// The first two numbers.
pub(super) fn pair(value: &[u8]) -> Result<(i32, i32), Fault> {
    let second = value.get(4..).unwrap_or_default();
    Ok((number(value)?, number(second)?))
}

/// A name, without the zero octets behind it.
pub(super) fn name(value: &[u8]) -> &str {
    let end = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
    core::str::from_utf8(&value[..end]).unwrap_or_default()
}

/// A time of whole seconds, at least one.
pub(super) fn seconds(value: i32) -> Result<Duration, Fault> {
    match u64::try_from(value) {
        Ok(0) | Err(_) => fails(libc::EINVAL),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// What a number looks like as a value.
pub(super) fn of_number(number: i32) -> Vec<u8> {
    number.to_ne_bytes().to_vec()
}

/// What a count of octets looks like: it is an `int`, whatever it counts.
pub(super) fn of_count(count: usize) -> Vec<u8> {
    of_number(i32::try_from(count).unwrap_or(i32::MAX))
}
