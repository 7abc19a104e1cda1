//! What must hold between any two calls, for tests and the simulator to ask.

use synack_wire::SeqNum;

use super::LossRecovery;
use super::record::{Fate, Totals};
use super::sent::SentQueue;

impl LossRecovery {
    /// Asserts that the counts are those of the records, and the records in order.
    pub(crate) fn check(&self) {
        self.sent.check();
    }
}

impl SentQueue {
    /// Asserts that the records lie together, and that each list, sum and mark is what they say.
    ///
    /// The simulator asks after every event, so each record is looked at twice and no more.
    pub(super) fn check(&self) {
        let in_flight = self.check_by_number();
        self.check_by_time(in_flight);
    }

    /// Returns how many records are in flight.
    fn check_by_number(&self) -> usize {
        let mut totals = Totals::default();
        let mut places = self.order.iter().peekable();
        let (mut end, mut sacked_to, mut last) = (None, None, None);
        let (mut count, mut in_flight) = (0, 0);
        for key in self.keys() {
            let record = self.record(key);
            if let Some(place) = places.next_if(|place| place.key == key) {
                assert_eq!(place.start, record.range.start);
            }
            assert!(!record.range.is_empty() && end.is_none_or(|end| end == record.range.start));
            // What lies below a mark is SACKed, and ends there with a record.
            sacked_to = sacked_to.filter(|to| record.range.start < *to);
            let is_whole = |to| record.fate == Fate::Sacked && record.range.end <= to;
            assert!(sacked_to.is_none_or(is_whole), "{record:?} below {sacked_to:?}");
            match record.fate {
                Fate::InFlight => in_flight += 1,
                Fate::Lost => {}
                Fate::Sacked => {
                    let to = record.sacked_to;
                    sacked_to = Some(sacked_to.map_or(to, |before: SeqNum| before.max(to)));
                }
            }
            totals.add(record);
            (end, last) = (Some(record.range.end), Some(key));
            count += 1;
        }
        assert_eq!(end.unwrap_or_default(), if end.is_some() { self.end } else { <_>::default() });
        assert!(sacked_to.is_none_or(|to| to <= self.end), "no mark lies beyond the last record");
        assert_eq!(places.next(), None, "each place is that of a record, in their order");
        assert_eq!((count, last), (self.records.len(), self.last));
        assert_eq!(totals, self.totals);
        in_flight
    }

    fn check_by_time(&self, count: usize) {
        let mut left = 0;
        let mut age = None;
        for record in self.in_flight() {
            assert_eq!(record.fate, Fate::InFlight);
            let packets_since = self.packets.wrapping_sub(record.nth);
            assert!(age.is_none_or(|age| packets_since <= age), "in the order of sending");
            age = Some(packets_since);
            left += 1;
        }
        assert_eq!(left, count);
        assert!(self.overdue().is_none_or(|record| record.fate == Fate::InFlight));
    }
}
