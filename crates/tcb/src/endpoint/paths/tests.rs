//! What is remembered of destinations, for how long, and who is told.
//! Connections are names alone, and findings come one by one.

use alloc::vec::Vec;

use super::*;
use crate::keyed_hash::Purpose;

const LINK: u32 = 1_500;
const NOW: Instant = Instant::from_millis(1_000);

fn paths(max: usize) -> Paths {
    Paths::new(KeyedHash::derive(&[4; 32], Purpose::Demux), max)
}

fn path(host: u8, port: u16) -> FourTuple {
    FourTuple::new(([10, 0, 0, 2], port).into(), ([10, 0, 1, host], 80).into())
}

fn finding(id: ConnectionId, path: FourTuple, mtu: u32) -> Finding {
    Finding { id: Some(id), path, mtu, link: LINK }
}

#[test]
fn pmtu_14_a_destination_is_remembered_for_ten_minutes_whatever_the_ports() {
    let mut ids = ConnectionIds::new(10);
    let id = ids.insert(path(1, 1)).unwrap();
    let mut paths = paths(10);
    paths.learn(NOW, finding(id, path(1, 1), 1_400));
    let late = NOW + PATH_MTU_REST;
    assert_eq!(paths.mtu(NOW, &path(1, 2)), Some(1_400));
    assert_eq!(paths.mtu(NOW, &path(2, 1)), None);
    let tick = core::time::Duration::from_millis(1);
    assert_eq!(paths.mtu(late - tick, &path(1, 2)), Some(1_400));
    assert_eq!(paths.mtu(late, &path(1, 2)), None);
    assert_eq!(paths.len(), 0);
}

#[test]
fn pmtu_14_a_search_that_found_more_is_remembered_and_the_whole_link_forgotten() {
    let mut ids = ConnectionIds::new(10);
    let id = ids.insert(path(1, 1)).unwrap();
    let _other = ids.insert(path(1, 2)).unwrap();
    let mut paths = paths(10);
    paths.learn(NOW, finding(id, path(1, 1), 1_300));
    while paths.next_to_tell(&ids).is_some() {}
    paths.learn(NOW, finding(id, path(1, 1), 1_400));
    assert_eq!(paths.mtu(NOW, &path(1, 2)), Some(1_400));
    assert_eq!(paths.next_to_tell(&ids), None, "others search for themselves");
    paths.learn(NOW, finding(id, path(1, 1), LINK));
    assert_eq!((paths.mtu(NOW, &path(1, 2)), paths.len()), (None, 0));
}

#[test]
fn pmtu_14_all_others_to_the_destination_are_told_once_and_a_call_looks_at_some() {
    let mut ids = ConnectionIds::new(10_000);
    let all: Vec<ConnectionId> =
        (0..5_000).map(|port| ids.insert(path((port % 5) as u8, port)).unwrap()).collect();
    let gone = all[5];
    ids.remove(gone);
    let mut paths = paths(10);
    paths.learn(NOW, finding(all[0], path(0, 0), 1_400));
    let mut told = Vec::new();
    let mut calls = 0;
    // A call that looked at many in vain says so; the news are not over with it.
    while !paths.news.is_empty() {
        told.extend(paths.next_to_tell(&ids));
        calls += 1;
        assert!(calls < 2_000);
    }
    assert_eq!(told.len(), 998, "a thousand, but the one that said so and the one that is gone");
    assert!(told.iter().all(|(id, mtu)| *id != all[0] && *id != gone && *mtu == 1_400));
}

#[test]
fn pmtu_14_news_and_destinations_are_bounded_whoever_reports() {
    let mut ids = ConnectionIds::new(10);
    let id = ids.insert(path(1, 1)).unwrap();
    let mut paths = paths(50);
    for host in 0..=255 {
        for mtu in [1_400, 1_399, 1_398] {
            paths.learn(NOW, finding(id, path(host, 1), mtu));
            assert!(paths.news.len() <= NEWS_MAX && paths.len() <= 50);
        }
    }
}
