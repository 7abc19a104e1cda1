//! Buffers that grow with the path (RBUF-*), and those that stay as the application set them.
//! The far end acknowledges, or sends, a window each round trip, and the application reads or not.

use std::time::Duration;

use synack_tcb::{BufferSize, ConnectionConfig};

use crate::support::{Conversation, Setup};

/// Small enough at first that all of the way can be seen.
const GROWING: BufferSize = BufferSize::Auto { initial: 128 << 10, max: 6 << 20 };

/// Buffers that grow, to what the default configuration allows; the far end has timestamps, and
/// scales by 7.
fn growing() -> Setup {
    growing_of(Setup::timestamps())
}

fn growing_of(setup: Setup) -> Setup {
    let default = ConnectionConfig::default();
    let setup = setup.offering(|options| options.window_scale = Some(7));
    Setup { window: 60_000, ..setup }.configured(|config| {
        config.receive_buffer = GROWING;
        config.send_buffer = default.send_buffer;
        config.quick_acks = 0;
    })
}

fn receive_limit(c: &mut Conversation) -> usize {
    c.info().receive_limit
}

/// A round trip, at the end of which `octets` arrived and were read. The far end sends full-sized
/// segments, of 1000 octets.
fn round(c: &mut Conversation, octets: u32) {
    c.run(100);
    arrive(c, octets);
    assert_eq!(c.read(), octets as usize);
}

fn arrive(c: &mut Conversation, octets: u32) {
    for _ in 0..octets / 1_000 {
        c.text(1_000);
    }
}

#[test]
fn rbuf_2_rbuf_3_the_receive_buffer_follows_a_slow_start_and_ends_at_its_maximum() {
    for (case, setup) in
        [("without timestamps", growing_of(Setup::default())), ("with timestamps", growing())]
    {
        let mut c = setup.open();
        assert_eq!(receive_limit(&mut c), 128 << 10, "{case}");
        let mut octets = 10_000;
        let mut limits = vec![];
        while octets < 6_000_000 {
            let offered = c.info().rcv_wnd;
            assert!(octets <= offered, "{case}: {octets} of {offered}");
            round(&mut c, octets);
            limits.push(receive_limit(&mut c));
            octets *= 2;
        }
        assert!(limits.is_sorted(), "{case}: {limits:?}");
        assert_eq!(limits.last(), Some(&(6 << 20)), "{case}");
    }
}

#[test]
fn rbuf_2_a_steady_reader_gets_twice_what_it_reads_and_no_more() {
    let mut c = growing().open();
    for _ in 0..50 {
        round(&mut c, 100_000);
    }
    let limit = receive_limit(&mut c);
    assert!((200_000..=450_000).contains(&limit), "{limit}");
    for _ in 0..50 {
        round(&mut c, 100_000);
    }
    assert_eq!(receive_limit(&mut c), limit, "nothing grows any more");
}

#[test]
fn rbuf_4_wnd_grows_and_the_right_edge_never_goes_back() {
    let mut c = growing().open();
    let mut edge = 0;
    let mut arrived = 1;
    for octets in [30_000, 60_000, 100_000, 20_000, 200_000, 1_000, 1_000, 300_000] {
        round(&mut c, octets);
        arrived += octets;
        let now = arrived + c.info().rcv_wnd;
        assert!(now >= edge, "{now} after {edge}");
        edge = now;
    }
    let fixed = |c: &mut Conversation, octets| {
        c.configure(|config| config.receive_buffer = BufferSize::Fixed(octets));
    };
    fixed(&mut c, 10_000);
    c.text(1_000);
    assert_eq!(arrived + 1_000 + c.info().rcv_wnd, edge, "a smaller buffer takes nothing back");
}

#[test]
fn rbuf_5_attack_c7_an_application_that_does_not_read_makes_nothing_grow() {
    let mut c = growing().open();
    for _ in 0..6 {
        c.run(100);
        arrive(&mut c, 20_000);
        // It takes a little all the time, and most stays.
        let _ = c.read_at_most(1_000);
    }
    assert_eq!(receive_limit(&mut c), 128 << 10);
    assert!(c.info().rcv_wnd < 20_000, "{}", c.info().rcv_wnd);
}

#[test]
fn rbuf_5_attack_c7_one_octet_in_a_segment_makes_nothing_grow() {
    let mut c = growing().open();
    for _ in 0..100 {
        c.run(100);
        for _ in 0..100 {
            c.text(1);
        }
        c.read();
    }
    assert_eq!(receive_limit(&mut c), 128 << 10);
}

#[test]
fn rbuf_6_buffers_that_the_application_set_stay() {
    let setup = growing().configured(|config| {
        config.receive_buffer = 200_000.into();
        config.send_buffer = 100_000.into();
    });
    let mut c = setup.open();
    for _ in 0..10 {
        round(&mut c, 100_000);
    }
    flow(&mut c, 2_000_000);
    assert!(c.info().cwnd > 100_000, "{}", c.info().cwnd);
    assert_eq!((receive_limit(&mut c), c.info().send_limit), (200_000, 100_000));
}

#[test]
fn rbuf_6_what_grew_is_set_and_grows_again_when_that_is_taken_back() {
    let mut c = growing().open();
    for octets in [50_000, 100_000, 200_000] {
        round(&mut c, octets);
    }
    let grown = receive_limit(&mut c);
    assert!(grown > 400_000, "{grown}");
    c.configure(|config| config.receive_buffer = BufferSize::Fixed(70_000));
    assert_eq!(receive_limit(&mut c), 70_000);
    c.configure(|config| config.receive_buffer = GROWING);
    assert_eq!(receive_limit(&mut c), grown);
}

#[test]
fn ws_7_the_shift_is_that_of_the_largest_buffer() {
    for (size, shift) in [
        (BufferSize::RECEIVE_DEFAULT, 7),
        (BufferSize::Auto { initial: 1_000, max: 65_535 }, 0),
        (BufferSize::Auto { initial: 1_000, max: 1 << 30 }, 14),
    ] {
        let setup = growing().configured(|config| config.receive_buffer = size);
        let mut c = setup.open();
        assert_eq!(c.info().window_scale.map(|(ours, _)| ours), Some(shift), "{size:?}");
        assert_eq!(receive_limit(&mut c), size.initial());
    }
}

/// Has `octets` acknowledged, all that is in flight in each round trip; the buffer is always full.
fn flow(c: &mut Conversation, octets: u64) {
    let until = c.info().counters.octets_acked + octets;
    while c.info().counters.octets_acked < until {
        let info = c.info();
        let room = info.send_limit.saturating_sub(info.unsent + info.unacked as usize);
        c.write(room);
        c.packets();
        c.run(100);
        let (first, in_flight) = (c.info().counters.octets_acked as u32 + 1, c.info().unacked);
        for octets in (2_000..in_flight).step_by(2_000) {
            c.ack(first + octets);
        }
        c.ack(first + in_flight);
    }
}

#[test]
fn rbuf_8_the_send_buffer_grows_when_all_of_it_is_in_flight_from_512_kib_to_4_mib() {
    let mut c = Setup { window: u16::MAX, ..growing() }.open();
    assert_eq!(c.info().send_limit, 512 << 10);
    let mut last = 0;
    for _ in 0..14 {
        flow(&mut c, 300_000);
        let info = c.info();
        // As long as cwnd is what the writer waits for, a larger buffer is worth nothing.
        let is_limiting = info.cwnd as usize > 512 << 10;
        assert_eq!(info.send_limit > 512 << 10, is_limiting, "{}", info.cwnd);
        assert!(info.send_limit >= last);
        last = info.send_limit;
    }
    assert!(last > 1 << 20, "{last}");
    // The window of the far end, 8 MiB, would let more be in flight.
    for _ in 0..30 {
        flow(&mut c, 1_000_000);
    }
    assert_eq!(c.info().send_limit, 4 << 20);
}

#[test]
fn rbuf_8_a_loss_takes_nothing_of_the_send_buffer() {
    let mut c = growing().open();
    flow(&mut c, 1_000_000);
    let info = c.info();
    let (limit, cwnd) = (info.send_limit, info.cwnd);
    c.write(100_000);
    c.run(5_000);
    assert!(c.info().cwnd < cwnd / 10, "{}", c.info().cwnd);
    assert_eq!(c.info().send_limit, limit);
}

#[test]
fn rbuf_3_a_maximum_below_the_beginning_is_the_beginning() {
    let size = BufferSize::Auto { initial: 9_000, max: 0 };
    let setup = growing().configured(|config| {
        config.receive_buffer = size;
        config.rto_min = Duration::from_millis(200);
    });
    let mut c = setup.open();
    for _ in 0..10 {
        round(&mut c, 9_000);
    }
    assert_eq!(receive_limit(&mut c), 9_000);
}
