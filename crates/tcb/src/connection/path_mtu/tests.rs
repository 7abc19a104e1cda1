//! What is known of a path, and where the search on it ends.
//! Paths of every limit answer the probes; reports and ACKs come one by one.

use super::*;
use alloc::vec;
use alloc::vec::Vec;

const NOW: Instant = Instant::from_millis(5_000);

/// The sizes that are probed on a path that takes `limit`, one after another, and what is found.
fn search(low: u32, high: u32, limit: u32) -> (Vec<u32>, u32) {
    let mut search = Search::new(low, high);
    let mut sizes = Vec::new();
    while let Some(size) = search.next_size() {
        assert!(search.low < size && size <= search.high);
        search.on_sent(size);
        assert_eq!(search.next_size(), None, "PLPMTUD-6: one at a time");
        sizes.push(size);
        if size <= limit {
            assert_eq!(search.on_delivered(), Found::Larger(size));
        } else {
            search.on_lost();
        }
        assert!(sizes.len() < 100, "{sizes:?}");
    }
    assert!(search.is_over());
    (sizes, search.low)
}

#[test]
fn plpmtud_3_plpmtud_8_every_limit_is_found_to_eight_octets() {
    for (low, high) in [(1_024, 1_500), (1_280, 1_500), (68, 1_500), (1_280, 9_000), (552, 65_535)]
    {
        for limit in (low..=high).step_by(7).chain([high]) {
            let (sizes, found) = search(low, high, limit);
            assert!(found <= limit && limit < found + CONVERGED, "{found} of {limit}");
            assert!(sizes.len() <= 3 * 18, "{limit}: {sizes:?}");
        }
    }
}

#[test]
fn plpmtud_6_the_largest_comes_first_then_ethernet_then_halves_three_times_each() {
    assert_eq!(search(1_024, 1_500, 1_500), (vec![1_500], 1_500));
    assert_eq!(search(1_024, 9_000, 9_000), (vec![9_000], 9_000));
    let (sizes, found) = search(1_024, 9_000, 1_500);
    assert_eq!(sizes[..5], [9_000, 9_000, 9_000, 1_500, 5_250]);
    assert_eq!(found, 1_500);
    let (sizes, _) = search(1_024, 1_500, 1_300);
    assert_eq!(sizes[..8], [1_500, 1_500, 1_500, 1_262, 1_381, 1_381, 1_381, 1_321]);
}

#[test]
fn plpmtud_5_a_probe_that_proves_nothing_changes_no_bound() {
    let mut search = Search::new(1_024, 1_500);
    for _ in 0..10 {
        search.on_sent(1_500);
        search.on_unknown(Some(NOW));
        assert_eq!((search.next_size(), search.not_before()), (Some(1_500), Some(NOW)));
        search.stop_waiting();
        assert_eq!(search.not_before(), None);
    }
}

#[test]
fn what_a_router_says_of_a_probe_is_the_next_size_to_try() {
    let mut search = Search::new(1_024, 1_500);
    search.on_sent(1_500);
    search.on_reported(1_400);
    assert_eq!(search.next_size(), Some(1_400));
    search.on_sent(1_400);
    assert_eq!(search.on_delivered(), Found::Larger(1_400));
    assert!(search.is_over());
    // Below what is known to pass it says nothing.
    let mut search = Search::new(1_024, 1_500);
    search.on_sent(1_500);
    search.on_reported(600);
    assert!(search.is_over());
}

#[test]
fn pmtu_11_a_report_waits_until_it_is_taken_or_what_it_quotes_is_acknowledged() {
    let seq = SeqNum::new(u32::MAX - 10);
    let pending = Pending { mtu: 600, seq };
    let mut path = PathMtu::new(1_500);
    path.put_off(pending);
    path.put_off(Pending { mtu: 700, ..pending });
    path.on_acked(seq);
    assert_eq!(path.take_pending(), Some(pending), "the first, and all below its number arrived");
    assert!(!path.is_discovering(), "nothing is kept");
    path.put_off(pending);
    path.on_acked(seq + 1);
    assert_eq!(path.take_pending(), None);
    assert!(!path.is_discovering());
}

#[test]
fn pmtu_12_pmtu_13_nothing_larger_is_tried_for_ten_minutes_after_a_report() {
    let mut path = PathMtu::new(1_500);
    path.lower_to(NOW, 1_400);
    path.lower_to(NOW, 1_450);
    assert_eq!((path.used(), path.link()), (1_400, 1_500), "never raised");
    let ten_minutes = core::time::Duration::from_mins(10);
    let tick = core::time::Duration::from_millis(1);
    assert!(!path.is_rested(NOW + ten_minutes - tick) && path.is_rested(NOW + ten_minutes));
    // A black hole meanwhile is searched only up to what the report allows.
    path.fall_to(1_024, 1_500);
    assert_eq!(path.search().and_then(|search| search.next_size()), Some(1_400));
    // And nothing is kept once the search found the link's.
    path.begin_search(1_500);
    path.adopt(1_500);
    path.end_search(NOW, 1_500);
    assert!(!path.is_discovering() && path.is_confirmed());
}

#[test]
fn pmtu_11_progress_is_a_packet_of_the_present_size_that_arrived() {
    let end = SeqNum::new(5);
    let mut path = PathMtu::new(1_500);
    assert!(path.awaits_full());
    path.on_full_sent(end);
    assert!(!path.awaits_full());
    path.on_acked(end - 1);
    assert!(!path.is_confirmed());
    path.on_acked(end);
    assert!(path.is_confirmed());
    path.lower_to(NOW, 1_400);
    assert!(!path.is_confirmed() && path.awaits_full(), "that said nothing of smaller ones");
}

#[test]
fn plpmtud_7_a_full_stop_is_a_timeout_since_which_nothing_as_large_arrived() {
    let mut path = PathMtu::new(1_500);
    let mut counted = Vec::new();
    for reported in [0, 0, 3_000, 3_000, 3_000, 4_500, 0] {
        path.on_timeout(reported);
        counted.push(path.full_stops());
    }
    assert_eq!(counted, [1, 2, 1, 2, 3, 1, 2]);
    path.on_acked(SeqNum::new(1));
    assert_eq!(path.full_stops(), 0);
}

#[test]
fn a_connection_that_learns_nothing_keeps_little() {
    assert!(size_of::<PathMtu>() <= 40, "{}", size_of::<PathMtu>());
}
