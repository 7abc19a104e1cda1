//! Shows handshakes on the wire: when SYNs leave, what a SYN-ACK carries, what half-open ones cost.
//! The far end is played by hand with raw packets, on tokio's paused clock.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use synack::{SynCookies, TcpListener};
use synack_wire::{Options, SeqNum, TcpPacket, Timestamps};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::far_end::{FarEnd, Sent, settle};
use crate::pair::Family;

/// Everything that a SYN may offer.
fn full_offer(mss: u16) -> Options {
    Options {
        mss: Some(mss),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps { value: 77_000, echo: 0 }),
        ..Options::default()
    }
}

fn seconds(moments: &[u64]) -> Vec<Duration> {
    moments.iter().copied().map(Duration::from_secs).collect()
}

fn moments(sent: &[Sent]) -> Vec<Duration> {
    sent.iter().map(|sent| sent.at).collect()
}

#[tokio::test(start_paused = true)]
async fn open_14_a_syn_leaves_at_these_moments_and_must_23_the_error_comes_after_three_minutes() {
    for family in Family::BOTH {
        let (stack, far) = FarEnd::new(family).await;
        let error = stack.connect(far.socket).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        // The RTO doubles from 1 s up to its ceiling of 120 s; the one that ends past R2 is the
        // last (RFC 6298 §2.1, §5.5; RTO-7).
        assert_eq!(far.now(), Duration::from_secs(127 + 120));
        let sent = far.sent();
        assert_eq!(moments(&sent), seconds(&[0, 1, 3, 7, 15, 31, 63, 127]));
        let first = sent[0].segment();
        assert!(first.is_syn() && first.ack.is_none() && first.payload.is_empty());
        for again in &sent {
            // SM-TIMER-2: the same SYN, but for what its timestamp says.
            let mut expected = first.clone();
            let clock = expected.options.timestamps.as_mut().unwrap();
            clock.value = clock.value.wrapping_add(again.at.as_millis() as u32);
            assert_eq!(again.segment(), &expected, "at {:?}", again.at);
        }
        far.silent_for(Duration::from_secs(3_600)).await;
        assert_eq!(stack.connections().await.open, []);
    }
}

#[tokio::test(start_paused = true)]
async fn the_applications_own_timeout_ends_the_syns() {
    let (stack, far) = FarEnd::new(Family::V4).await;
    let connect = stack.connect(far.socket).timeout(Duration::from_millis(3_500));
    assert_eq!(connect.await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(far.now(), Duration::from_millis(3_500));
    assert_eq!(moments(&far.sent()), seconds(&[0, 1, 3]));
    far.silent_for(Duration::from_secs(3_600)).await;
}

#[tokio::test(start_paused = true)]
async fn must_23_a_syn_that_is_answered_late_still_opens() {
    let (stack, mut far) = FarEnd::new(Family::V4).await;
    let connect = tokio::spawn(stack.connect(far.socket));
    far.wait_until(Duration::from_millis(246_999)).await;
    let syns = far.sent();
    far.host = syns[0].packet.source;
    far.take_syn(&syns[0]);
    let syn_ack = far.syn_ack();
    far.seq += 1;
    assert_eq!(far.answer_to(&syn_ack).await.segment().ack, Some(far.seq));
    connect.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn must_14_a_syn_ack_carries_mss_sack_permitted_timestamps_and_window_scale() {
    for (family, mss) in [(Family::V4, 1_460), (Family::V6, 1_440)] {
        let (stack, mut far) = FarEnd::new(family).await;
        let _listener = stack.listen(far.host).await.unwrap();
        far.offer = full_offer(mss);
        let syn_ack = far.answer_to(&far.syn()).await;
        let segment = syn_ack.segment();
        assert_eq!(segment.ack, Some(far.seq + 1));
        assert_eq!(segment.window, u16::MAX, "OPEN-10: not shifted");
        let options = &segment.options;
        assert_eq!(options.mss, Some(mss));
        // What 65,535 must be shifted by to say the 6 MiB that the default buffer may become
        // (RFC 7323 §2.3, WS-7).
        assert_eq!(options.window_scale, Some(7));
        assert!(options.sack_permitted);
        assert_eq!(options.timestamps.unwrap().echo, 77_000);
        assert_eq!(options.encoded_len(), 4 + 12 + 4, "and nothing else");
    }
}

#[tokio::test(start_paused = true)]
async fn a_syn_ack_carries_no_option_that_was_not_offered_but_mss() {
    let (stack, mut far) = FarEnd::new(Family::V4).await;
    let _listener = stack.listen(far.host).await.unwrap();
    for offered in 0..16 {
        let full = full_offer(1_460);
        let has = |bit: u32| offered & (1 << bit) != 0;
        far.offer = Options {
            mss: full.mss.filter(|_| has(0)),
            window_scale: full.window_scale.filter(|_| has(1)),
            sack_permitted: has(2),
            timestamps: full.timestamps.filter(|_| has(3)),
            ..Options::default()
        };
        far.socket.set_port(5_000 + offered);
        let syn_ack = far.answer_to(&far.syn()).await;
        let options = &syn_ack.segment().options;
        assert_eq!(options.mss, Some(1_460), "MUST-14: sent in any case");
        assert_eq!(options.window_scale.is_some(), has(1), "{offered:04b}");
        assert_eq!(options.sack_permitted, has(2), "{offered:04b}");
        assert_eq!(options.timestamps.is_some(), has(3), "{offered:04b}");
    }
}

#[tokio::test(start_paused = true)]
async fn dec_18_a_syn_ack_leaves_six_times_and_its_record_is_gone_after_63_seconds() {
    for family in Family::BOTH {
        let (stack, far) = FarEnd::new(family).await;
        let listener = stack.listen(far.host).await.unwrap();
        far.send(&far.syn());
        far.wait_until(Duration::from_millis(62_999)).await;
        assert_eq!(stack.connections().await.half_open, 1);
        let sent = far.sent();
        assert_eq!(moments(&sent), seconds(&[0, 1, 3, 7, 15, 31]));
        assert!(sent.iter().all(|again| again.segment() == sent[0].segment()), "{sent:?}");
        far.silent_for(Duration::from_millis(1)).await;
        assert_eq!(stack.connections().await.half_open, 0);
        // Nobody is told, and the listener listens on (SM-TIMER-3).
        assert!(futures::poll!(std::pin::pin!(listener.accept())).is_pending());
        assert_eq!(far.ask(&far.syn()).await.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn syn_acks_that_are_due_together_leave_together() {
    let (stack, far) = FarEnd::new(Family::V4).await;
    let _listener = stack.listen(far.host).await.unwrap();
    for port in 1..=300 {
        far.send(&from_port(&far.syn(), port));
    }
    far.wait_until(Duration::from_millis(63_001)).await;
    let sent = moments(&far.sent());
    let together: Vec<_> =
        sent.chunk_by(|one, next| one == next).map(|all| (all[0], all.len())).collect();
    assert_eq!(
        together,
        seconds(&[0, 1, 3, 7, 15, 31]).into_iter().map(|at| (at, 300)).collect::<Vec<_>>()
    );
    assert_eq!(stack.connections().await.half_open, 0);
}

/// The far end's SYN from another port.
fn from_port(packet: &TcpPacket, port: u16) -> TcpPacket {
    let mut packet = packet.clone();
    packet.source.set_port(port);
    packet
}

#[tokio::test(start_paused = true)]
async fn eight_syns_at_once_on_one_listener_all_get_a_syn_ack() {
    for family in Family::BOTH {
        let (stack, mut far) = FarEnd::new(family).await;
        let listener = stack.listen(far.host).await.unwrap();
        let ports = 6_000..6_008;
        // All of them wait on the cable before the stack sees the first.
        for port in ports.clone() {
            far.send(&from_port(&far.syn(), port));
        }
        settle().await;
        let answers = far.sent();
        let to: Vec<u16> = answers.iter().map(|sent| sent.packet.destination.port()).collect();
        assert_eq!(to, Vec::from_iter(ports.clone()));
        assert_eq!(moments(&answers), [Duration::ZERO; 8]);
        far.seq += 1;
        for syn_ack in &answers {
            assert!(syn_ack.segment().is_syn());
            assert_eq!(syn_ack.segment().ack, Some(far.seq));
        }
        // And all become connections, whose octets go to the right one.
        for syn_ack in &answers {
            far.ack = syn_ack.segment().seq + 1;
            let port = syn_ack.packet.destination.port();
            let text = far.text(&port.to_be_bytes());
            far.send(&from_port(&text, port));
        }
        for port in ports {
            let (mut stream, peer) = listener.accept().await.unwrap();
            assert_eq!(peer, SocketAddr::new(far.socket.ip(), port));
            assert_eq!(stream.read_u16().await.unwrap(), port);
        }
    }
}

/// What the stack holds more after `syns` SYNs that nobody completes. Units: octets.
fn held_by_half_open(syns: u16, half_open_max: u32, cookies: SynCookies) -> (i64, usize) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    let (stack, far, listener) = runtime.block_on(async {
        let (stack, mut far) = FarEnd::new(Family::V4).await;
        far.offer = full_offer(1_460);
        let listen = stack.listen(far.host).configure(|config| {
            config.half_open_max = half_open_max;
            config.syn_cookies = cookies;
        });
        let listener: TcpListener = listen.await.unwrap();
        // Blocks for packets, and whatever else is made once.
        far.ask(&from_port(&far.syn(), 1)).await;
        (stack, far, listener)
    });
    let syn = far.syn();
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for port in 1..=syns {
                let answers = far.ask(&from_port(&syn, 1_000 + port)).await;
                assert_eq!(answers.len(), 1, "each is answered");
            }
        });
    });
    let half_open = runtime.block_on(stack.connections()).half_open;
    drop(listener);
    (counted.bytes_current, half_open)
}

#[test]
fn attack_a1_ten_thousand_syns_allocate_no_stream_buffers() {
    // A stream has 1 MiB to receive into and 512 KiB to send from, and a connection without them
    // about 1 KiB: what a half-open handshake has is its record.
    let (octets, half_open) = held_by_half_open(10_000, 20_000, SynCookies::Never);
    assert_eq!(half_open, 10_001);
    let each = octets / 10_000;
    assert!((1..=400).contains(&each), "{each} octets a handshake");
}

#[test]
fn attack_a1_past_the_bound_a_syn_leaves_nothing() {
    let (octets, half_open) = held_by_half_open(10_000, 1_024, SynCookies::WhenFull);
    assert_eq!(half_open, 1_024);
    assert!(octets <= 1_024 * 400, "{octets} octets");
    let (octets, half_open) = held_by_half_open(10_000, 1_024, SynCookies::Always);
    assert_eq!((octets, half_open), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn attack_a1_behind_ten_thousand_syns_a_connection_opens_and_works() {
    let (stack, mut far) = FarEnd::new(Family::V4).await;
    let listener = stack.listen(far.host).await.unwrap();
    for port in 1..=10_000 {
        assert_eq!(far.ask(&from_port(&far.syn(), 20_000 + port)).await.len(), 1);
    }
    let mut stream = far.open(&listener).await;
    far.says(b"let me in");
    let mut text = [0; 9];
    stream.read_exact(&mut text).await.unwrap();
    stream.write_all(b"welcome").await.unwrap();
    settle().await;
    let answer = far.sent().pop().unwrap();
    assert_eq!(answer.segment().payload.len(), 7);
    assert_ne!(answer.segment().seq, SeqNum::new(0));
}
