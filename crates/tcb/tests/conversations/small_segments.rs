//! Small segments: Nagle and Minshall (NAGLE-*), the sender's silly windows (SWS-1 to SWS-5), PSH.
//! Segments carry 1000 octets; the application writes less, or the window takes less.

use synack_tcb::{Nagle, Push};

use crate::support::{Conversation, Setup};

fn classic() -> Conversation {
    Setup::default().configured(|config| config.nagle = Nagle::Classic).open()
}

#[test]
fn nagle_1_shld_7_a_small_segment_waits_while_anything_is_unacknowledged() {
    for push in [Push::Now, Push::Urgent] {
        let mut c = classic();
        c.write(1_000);
        c.expect(&["[P.] 1:1001 ack 1"]);
        c.write_with(100, push);
        // An urgent pointer is news of its own, but does not carry the text (URG-8).
        assert!(c.packets().iter().all(|packet| packet.segment.payload.is_empty()));
        c.pass(50);
        c.ack(1_001);
        assert_eq!(c.only_sent().payload.len(), 100);
    }
}

#[test]
fn nagle_1_small_writes_make_up_a_full_segment_meanwhile() {
    let mut c = classic();
    c.write(1);
    c.expect(&["[P.] 1:2 ack 1"]);
    for _ in 0..9 {
        c.write(100);
        c.expect(&[]);
    }
    c.write(150);
    c.expect(&["[.] 2:1002 ack 1"]);
    c.ack(2);
    c.expect(&[]);
    c.ack(1_002);
    c.expect(&["[P.] 1002:1052 ack 1"]);
}

#[test]
fn nagle_2_must_17_it_is_on_and_switching_it_off_sends_what_was_held() {
    let mut c = Setup::default().open();
    for _ in 0..3 {
        c.write(100);
    }
    c.expect(&["[P.] 1:101 ack 1"]);
    c.configure(|config| config.nodelay = true);
    c.expect(&["[P.] 101:301 ack 1"]);
    c.write(10);
    c.expect(&["[P.] 301:311 ack 1"]);
    c.configure(|config| config.nodelay = false);
    c.write(10);
    c.expect(&[]);
}

#[test]
fn nagle_3_by_minshall_only_a_second_small_segment_waits() {
    let mut c = Setup::default().open();
    // Full segments hold nothing back.
    c.write(2_100);
    c.expect(&["[.] 1:1001 ack 1", "[.] 1001:2001 ack 1", "[P.] 2001:2101 ack 1"]);
    c.write(100);
    c.expect(&[]);
    c.ack(2_001);
    c.expect(&[]);
    // A full one passes the small one that waits to be acknowledged.
    c.write(950);
    c.expect(&["[.] 2101:3101 ack 1"]);
    c.ack(2_101);
    c.expect(&["[P.] 3101:3151 ack 1"]);
}

#[test]
fn nagle_4_trap_38_close_releases_what_was_held() {
    let mut c = classic();
    c.write(100);
    c.write(100);
    c.expect(&["[P.] 1:101 ack 1"]);
    c.close();
    c.expect(&["[FP.] 101:201 ack 1"]);
}

#[test]
fn nagle_5_a_cork_holds_a_partial_segment_for_200_ms() {
    let mut c = Setup::default().open();
    c.write_with(100, Push::More);
    c.until(199, &[]);
    c.until(200, &[(200, "[P.] 1:101 ack 1")]);
    c.run(100);
    c.ack(101);
    // What is full leaves, and the next write without it lets the rest go.
    c.write_with(1_300, Push::More);
    c.expect(&["[.] 101:1101 ack 1"]);
    c.write_with(300, Push::More);
    c.expect(&[]);
    c.write_with(1, Push::Now);
    c.expect(&["[P.] 1101:1702 ack 1"]);
    c.ack(1_702);
    c.write_with(10, Push::More);
    c.expect(&[]);
    c.close();
    c.expect(&["[FP.] 1702:1712 ack 1"]);
}

#[test]
fn nagle_5_an_empty_write_ends_the_cork() {
    let mut c = Setup::default().open();
    c.write_with(100, Push::More);
    c.run(10);
    c.write_with(0, Push::More);
    c.expect(&[]);
    c.write_with(0, Push::Now);
    c.expect(&["[P.] 1:101 ack 1"]);
}

#[test]
fn sws_1_sws_2_shld_28_full_segments_leave_as_long_as_the_window_takes_them() {
    let mut c = Setup { window: 2_500, ..Setup::default() }.open();
    c.write(10_000);
    // 500 octets are left in the window: neither a segment nor half of it.
    c.expect(&["[.] 1:1001 ack 1", "[.] 1001:2001 ack 1"]);
    c.ack(1_001);
    c.expect(&["[.] 2001:3001 ack 1"]);
}

#[test]
fn sws_1_sws_3_all_that_was_written_leaves_if_the_window_takes_it() {
    let mut c = Setup { window: 1_100, ..Setup::default() }.open();
    c.write(1_100);
    c.expect(&["[.] 1:1001 ack 1", "[P.] 1001:1101 ack 1"]);
    let mut c = Setup { window: 1_100, ..Setup::default() }.open();
    c.write(1_101);
    c.expect(&["[.] 1:1001 ack 1"]);
}

#[test]
fn sws_4_half_of_the_largest_window_leaves_though_it_is_no_segment() {
    for (window, sent) in [(800, true), (400, true), (399, false)] {
        let mut c = Setup { window: 800, ..Setup::default() }.open();
        c.offer(window);
        c.write(5_000);
        if sent {
            c.expect(&[&format!("[.] 1:{} ack 1", window + 1)]);
        } else {
            c.expect(&[]);
        }
    }
}

#[test]
fn sws_4_with_nagle_on_and_something_unacknowledged_it_waits_too() {
    let mut c = Setup { window: 800, ..Setup::default() }
        .configured(|config| config.nagle = Nagle::Classic)
        .open();
    c.write(300);
    c.expect(&["[P.] 1:301 ack 1"]);
    c.write(5_000);
    c.expect(&[]);
    c.ack(301);
    c.expect(&["[.] 301:1101 ack 1"]);
}

#[test]
fn sws_5_zwp_9_must_38_a_window_too_small_is_used_after_200_ms() {
    let mut c = Setup { window: 5_000, ..Setup::default() }.open();
    c.offer(300);
    c.write(1_000);
    c.until(199, &[]);
    c.until(200, &[(200, "[.] 1:301 ack 1")]);
    c.run(100);
    // Once: the next part of it waits as long again.
    c.ack(301);
    c.until(499, &[]);
    c.until(500, &[(500, "[.] 301:601 ack 1")]);
}

#[test]
fn must_60_must_61_shld_27_psh_is_on_the_segment_that_empties_the_buffer() {
    let mut c = Setup { window: 3_000, ..Setup::default() }.open();
    // Two writes that are each the end of something become segments as large as can be.
    c.write(1_400);
    c.write(1_400);
    c.expect(&["[.] 1:1001 ack 1", "[P.] 1001:1401 ack 1", "[.] 1401:2401 ack 1"]);
    c.run(100);
    c.ack(2_401);
    c.expect(&["[P.] 2401:2801 ack 1"]);
    // Sent again it has PSH still: it is the last there is.
    c.until(1_000, &[(400, "[P.] 2401:2801 ack 1"), (1_000, "[P.] 2401:2801 ack 1")]);
}

#[test]
fn trap_46_attack_c8_windows_of_a_few_octets_draw_a_few_segments_a_second() {
    for window in 1..=10 {
        let mut c = Setup { window: 1_000, ..Setup::default() }.open();
        c.offer(window);
        c.write(100_000);
        // The far end acknowledges whatever comes, at once, and offers no more.
        let mut segments = 0;
        while c.clock_ms() < 60_000 {
            c.run(1);
            for packet in c.packets() {
                segments += 1;
                c.ack(packet.segment.end() - c.iss);
            }
        }
        assert!(segments <= 300, "{segments} of {window} octets");
        assert_eq!(c.acked, 1 + segments * u32::from(window), "each is as large as can be");
    }
}
