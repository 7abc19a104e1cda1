//! What a hostile receiver reports (docs/robustness.md, D2).

use super::flight::Report;

/// A way to make ACKs dear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hostility {
    /// None: each ACK acknowledges one segment more. What the others are compared with by eye.
    None,
    /// Each ACK reports a segment by itself, every second one, from the last to the first.
    EverySecondDown,
    /// The same in an order without order.
    EverySecondAnyhow,
    /// The same, each together with three ranges over half the flight, a quarter, and all of it.
    Everything,
    /// Everything is reported at first, and then again and again, in ranges that overlap.
    OverAndOver,
    /// All but the first is reported by one ACK, after it was told of piece by piece.
    ThenAllAtOnce,
    /// Every second one is lost, and acknowledged one by one with a needless D-SACK.
    DuplicateReports,
    /// What is lost is sent again, and reported after each segment of it.
    LostAgain,
}

impl Hostility {
    pub(super) const ALL: [Self; 8] = [
        Self::None,
        Self::EverySecondDown,
        Self::EverySecondAnyhow,
        Self::Everything,
        Self::OverAndOver,
        Self::ThenAllAtOnce,
        Self::DuplicateReports,
        Self::LostAgain,
    ];

    /// In a few words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "one segment more, each time",
            Self::EverySecondDown => "every second segment, from the last down",
            Self::EverySecondAnyhow => "every second segment, in no order",
            Self::Everything => "every second segment, and wide ranges beside",
            Self::OverAndOver => "everything again and again",
            Self::ThenAllAtOnce => "every second segment, then all at once",
            Self::DuplicateReports => "hole after hole, each with a D-SACK",
            Self::LostAgain => "what was sent again, lost again",
        }
    }

    /// What is reported before the clock runs; then all that is lost is sent again, or not.
    pub(super) fn before(self, segments: u32) -> (Vec<Report>, Again) {
        match self {
            Self::None
            | Self::EverySecondDown
            | Self::EverySecondAnyhow
            | Self::Everything
            | Self::OverAndOver
            | Self::ThenAllAtOnce => (vec![], Again::Waits),
            Self::DuplicateReports | Self::LostAgain => {
                let single = odd(segments).map(|segment| (0, vec![(segment, segment + 1)]));
                (single.collect(), Again::Leaves)
            }
        }
    }

    /// What is reported while the clock runs, of a flight of so many segments.
    pub(super) fn reports(self, segments: u32) -> Vec<Report> {
        let one = |segment: u32| vec![(segment, segment + 1)];
        match self {
            Self::None => (1..=segments).map(|acked| (acked, vec![])).collect(),
            Self::EverySecondDown => odd(segments).rev().map(|it| (0, one(it))).collect(),
            Self::EverySecondAnyhow => {
                shuffled(odd(segments)).into_iter().map(|it| (0, one(it))).collect()
            }
            Self::Everything => shuffled(odd(segments))
                .into_iter()
                .map(|it| {
                    let wide = [(segments / 2, segments), (segments / 4, segments / 2)];
                    (0, [&one(it)[..], &wide, &[(1, segments)]].concat())
                })
                .collect(),
            Self::OverAndOver => (0..segments)
                .map(|turn| {
                    let (cut, half) = (1 + turn % (segments - 2), segments / 2);
                    (0, vec![(1, segments), (1, cut + 1), (cut, segments), (1, half)])
                })
                .collect(),
            Self::ThenAllAtOnce => {
                let single = shuffled(odd(segments)).into_iter().map(|it| (0, one(it)));
                single.chain([(0, vec![(1, segments)])]).collect()
            }
            Self::DuplicateReports => {
                let holes = odd(segments).map(|acked| (acked + 1, vec![(acked - 1, acked)]));
                holes.filter(|(acked, _)| *acked <= segments).collect()
            }
            Self::LostAgain => odd(segments).rev().map(|segment| (0, one(segment - 1))).collect(),
        }
    }
}

/// What becomes of what is lost before the clock runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Again {
    /// It is sent again.
    Leaves,
    /// It waits.
    Waits,
}

/// Every second segment, but the first, which would be acknowledged.
fn odd(segments: u32) -> impl DoubleEndedIterator<Item = u32> {
    (0..segments / 2).map(|index| 2 * index + 1)
}

/// In an order that is the same each time.
fn shuffled(items: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut items: Vec<_> = items.collect();
    // By a multiplication that takes neighbours apart (D. Knuth, The Art of Computer Programming 3,
    // §6.4).
    items.sort_by_key(|item| item.wrapping_mul(2_654_435_769));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_lies_within_the_flight() {
        for hostility in Hostility::ALL {
            for segments in [10, 30, 1_000] {
                let reports = [hostility.before(segments).0, hostility.reports(segments)].concat();
                assert!(!hostility.reports(segments).is_empty());
                for (acked, blocks) in reports {
                    assert!(acked <= segments && blocks.len() <= 4, "{hostility:?}");
                    let within = |&(from, to): &(u32, u32)| from < to && to <= segments;
                    assert!(blocks.iter().all(within), "{hostility:?} {blocks:?}");
                }
            }
        }
    }
}
