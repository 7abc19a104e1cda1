//! Protection against wrapped sequence numbers: whether a timestamp is too old (RFC 7323 §5).

use core::time::Duration;

use synack_wire::Segment;

use crate::Instant;
use crate::drop_reason::DropReason;

/// TS.Recent, and when it was taken (RFC 7323 §5.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TsRecent {
    /// The last TSval accepted.
    pub value: u32,
    /// When it was.
    pub taken_at: Instant,
}

impl TsRecent {
    /// Whether a TSval is older. A TS.Recent of more than 24 days ago proves nothing.
    ///
    /// Source: RFC 7323 §5.3 R1 (PAWS-1), §5.5 (PAWS-8).
    pub(crate) fn rejects(self, now: Instant, value: u32) -> bool {
        is_before(value, self.value) && now.since(self.taken_at) <= LIFETIME
    }
}

/// The timestamp check, for a connection that uses timestamps.
///
/// # Errors
/// [`DropReason::TimestampMissing`], to be dropped silently; [`DropReason::Paws`], to be answered
/// with an ACK. A RST is not looked at, and a SYN may have none.
///
/// Source: RFC 7323 §3.2 (TS-5), §5.3 (PAWS-1, PAWS-6); SM-PAWS-1 to SM-PAWS-4.
pub(crate) fn paws(now: Instant, recent: TsRecent, segment: &Segment) -> Result<(), DropReason> {
    if segment.is_rst() {
        return Ok(());
    }
    match segment.options.timestamps {
        Some(theirs) if recent.rejects(now, theirs.value) => Err(DropReason::Paws),
        None if !segment.is_syn() => Err(DropReason::TimestampMissing),
        Some(_) | None => Ok(()),
    }
}

/// Whether timestamp `a` is older than `b`, modulo 2^32 (PAWS-2).
pub(crate) fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

const LIFETIME: Duration = Duration::from_secs(24 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use synack_wire::{Flags, Options, Timestamps};

    const NOW: Instant = Instant::from_millis(5_000);

    fn recent(value: u32) -> TsRecent {
        TsRecent { value, taken_at: NOW }
    }

    #[test]
    fn paws_2_timestamps_compare_modulo_the_wrap() {
        for (value, too_old) in [(u32::MAX, false), (0, false), (5, false), (u32::MAX - 1, true)] {
            assert_eq!(recent(u32::MAX).rejects(NOW, value), too_old, "{value}");
        }
    }

    #[test]
    fn paws_8_after_24_days_the_recent_timestamp_proves_nothing() {
        assert!(recent(1_000).rejects(NOW + LIFETIME, 999));
        assert!(!recent(1_000).rejects(NOW + LIFETIME + Duration::from_millis(1), 999));
    }

    #[test]
    fn sm_paws_1_to_4_which_segments_are_looked_at() {
        let old = Some(999);
        for (case, control, value, verdict) in [
            ("sm_paws_1 too old", Flags::NONE, old, Err(DropReason::Paws)),
            ("sm_paws_1 a SYN too", Flags::SYN, old, Err(DropReason::Paws)),
            ("as old is not too old", Flags::NONE, Some(1_000), Ok(())),
            ("a RST is not looked at", Flags::RST, old, Ok(())),
            ("without the option", Flags::NONE, None, Err(DropReason::TimestampMissing)),
            ("a SYN without it", Flags::SYN, None, Ok(())),
            ("a RST without it", Flags::RST, None, Ok(())),
        ] {
            let timestamps = value.map(|value| Timestamps { value, echo: 0 });
            let options = Options { timestamps, ..Options::default() };
            let segment = Segment { control, options, ..Segment::default() };
            assert_eq!(paws(NOW, recent(1_000), &segment), verdict, "{case}");
        }
    }
}
