//! What must hold between any two calls, for tests and the simulator to ask.

use alloc::vec::Vec;

use super::LossRecovery;
use super::record::{Fate, SentRecord, Totals};
use super::sent::SentQueue;

impl LossRecovery {
    /// Asserts that the counts are those of the records, and the records in order.
    pub(crate) fn check(&self) {
        self.sent.check();
    }
}

impl SentQueue {
    /// Asserts that the records lie together, and that each list, sum and mark is what they say.
    pub(super) fn check(&self) {
        let mut totals = Totals::default();
        let mut end = None;
        let mut places = self.order.iter().peekable();
        for key in self.keys() {
            let record = self.record(key);
            if let Some(place) = places.next_if(|place| place.key == key) {
                assert_eq!(place.start, record.range.start);
            }
            assert!(!record.range.is_empty() && end.is_none_or(|end| end == record.range.start));
            end = Some(record.range.end);
            totals.add(record);
            if record.fate == Fate::Sacked {
                assert!(self.is_sacked_to(record.range.end, record.sacked_to), "{record:?}");
            }
        }
        assert_eq!(end.unwrap_or_default(), if end.is_some() { self.end } else { <_>::default() });
        assert_eq!(totals, self.totals);
        assert_eq!(places.next(), None, "each place is that of a record, in their order");
        assert_eq!(self.keys().count(), self.records.len());
        assert_eq!(self.keys().last(), self.last);
        let in_flight: Vec<_> = self.in_flight().collect();
        assert!(in_flight.iter().all(|record| record.fate == Fate::InFlight));
        let age = |record: &&SentRecord| self.packets.wrapping_sub(record.nth);
        assert!(in_flight.iter().rev().is_sorted_by_key(age), "in the order of sending");
        let by_number = self.keys().map(|key| self.record(key));
        let count = by_number.filter(|record| record.fate == Fate::InFlight).count();
        assert_eq!(count, in_flight.len());
        assert!(self.overdue().is_none_or(|record| record.fate == Fate::InFlight));
    }

    /// Whether everything from `from` to `to` is SACKed.
    fn is_sacked_to(&self, from: synack_wire::SeqNum, to: synack_wire::SeqNum) -> bool {
        let mut records = self.records_from(from);
        from >= to
            || records
                .by_ref()
                .take_while(|record| record.range.start < to)
                .all(|record| record.fate == Fate::Sacked && record.range.end <= to)
    }
}
