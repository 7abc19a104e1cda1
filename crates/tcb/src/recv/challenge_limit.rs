//! How many challenge ACKs one connection may still send.

use core::time::Duration;

use crate::Instant;

/// At most 10 challenge ACKs in any 5 seconds, counted per connection, so that no one learns
/// anything of another from them.
///
/// Source: RFC 5961 §7 (BLIND-8), erratum 4772 (BLIND-9).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChallengeLimit {
    /// When the first of those counted was sent.
    since: Option<Instant>,
    sent: u8,
}

impl ChallengeLimit {
    /// Whether a challenge ACK may leave now; if so it is counted.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let counting = self.since.is_some_and(|since| now.since(since) < WINDOW);
        if !counting {
            *self = Self { since: Some(now), sent: 0 };
        }
        let allowed = self.sent < SENT_MAX;
        self.sent += u8::from(allowed);
        allowed
    }
}

/// RFC 5961 §7.
const SENT_MAX: u8 = 10;
const WINDOW: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blind_8_ten_challenges_in_five_seconds_and_no_more() {
        let mut limit = ChallengeLimit::default();
        let at = Instant::from_millis;
        for index in 0..25 {
            assert_eq!(limit.allows(at(1_000 + index)), index < 10, "challenge {index}");
        }
        assert!(!limit.allows(at(5_999)));
        assert!(limit.allows(at(6_000)));
    }
}
