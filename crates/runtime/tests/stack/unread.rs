//! Shows an application that never reads: the window closes, and memory stays within the buffer.
//! The far end is played by hand and obeys the window or not; an allocator that counts looks on.

use std::sync::Arc;
use std::time::Duration;

use synack::{ConnectionConfig, Stack, State, TcpListener, TcpStream};
use synack_wire::TcpPacket;
use tokio::io::AsyncReadExt;
use tokio::runtime::Runtime;

use crate::far_end::{FarEnd, settle};
use crate::pair::Family;

/// What the connection may receive and not yet have read.
const BUFFER: u32 = 200_000;
/// Octets that the far end sends though no one reads: many times the buffer.
const TOO_MUCH: u32 = 10 * BUFFER;
/// A block for short text, tables of ranges, queues that have grown.
const SLACK: i64 = 100_000;

/// A connection that is not read from.
struct Scene {
    runtime: Runtime,
    stack: Stack,
    far: FarEnd,
    _listener: TcpListener,
    stream: TcpStream,
}

impl Scene {
    fn new(family: Family) -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        let (stack, far, listener, stream) = runtime.block_on(async {
            let (stack, mut far) = FarEnd::new(family).await;
            far.offer.window_scale = Some(0);
            far.offer.sack_permitted = true;
            let config = ConnectionConfig {
                receive_buffer: (BUFFER as usize).into(),
                ..ConnectionConfig::default()
            };
            let listen = stack.listen(far.host);
            let listen = listen.configure(|listener| listener.connection = Some(Arc::new(config)));
            let listener = listen.await.unwrap();
            let stream = far.open(&listener).await;
            (stack, far, listener, stream)
        });
        Self { runtime, stack, far, _listener: listener, stream }
    }

    /// What is held more after these packets than before. Units: octets.
    fn held_after(&self, packets: impl Iterator<Item = TcpPacket>) -> i64 {
        let far = &self.far;
        let packets = Vec::from_iter(packets);
        let counted = allocation_counter::measure(|| {
            self.runtime.block_on(async {
                for packets in packets.chunks(10) {
                    packets.iter().for_each(|packet| far.send(packet));
                    settle().await;
                    far.sent();
                }
            });
        });
        assert_eq!(self.stream.info().unwrap().state, State::Established);
        assert_eq!(self.runtime.block_on(self.stack.connections()).open.len(), 1);
        counted.bytes_current
    }

    /// Text `at` this place of the stream.
    fn text(&self, at: u32, len: u32) -> TcpPacket {
        let mut packet = self.far.text(&octets(at, len));
        packet.segment.seq += at;
        packet
    }
}

/// The octets of the far end's stream.
fn octets(at: u32, len: u32) -> Vec<u8> {
    (at..at + len).map(|place| (place % 251) as u8).collect()
}

#[test]
fn must_39_and_zwp_5_the_window_closes_and_every_probe_is_told_so() {
    for family in Family::BOTH {
        let mut scene = Scene::new(family);
        let Scene { runtime, far, stream, .. } = &mut scene;
        runtime.block_on(async {
            let shift = stream.info().unwrap().window_scale.unwrap().0;
            let (mut sent, mut edge) = (0, BUFFER.min(65_535));
            // As much as the window allows, whenever it allows something.
            while sent < edge {
                let len = (edge - sent).min(1_400);
                far.says(&octets(sent, len));
                sent += len;
                // Longer than an ACK is delayed.
                tokio::time::sleep(Duration::from_millis(50)).await;
                let ack = far.sent().pop().unwrap();
                let acked = far.seq - ack.segment().ack.unwrap();
                assert_eq!(acked, 0);
                let window = u32::from(ack.segment().window) << shift;
                assert!(sent + window + (1 << shift) > edge, "SHLD-14: the edge never goes back");
                edge = edge.max(sent + window);
            }
            assert!((BUFFER..BUFFER + (1 << shift)).contains(&sent), "{sent} octets were taken");
            assert_eq!(stream.info().unwrap().unread, sent as usize);
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_secs(60)).await;
                let answer = far.answer_to(&far.text(b"?")).await;
                assert_eq!(answer.segment().ack, Some(far.seq));
                assert_eq!(answer.segment().window, 0);
            }
            // Reading opens it, by a segment at a time at least, and the peer is told (SWS-7).
            let mut read = vec![0; sent as usize];
            stream.read_exact(&mut read[..1_000]).await.unwrap();
            settle().await;
            assert_eq!(far.sent().len(), 0, "too little to tell");
            stream.read_exact(&mut read[1_000..2_000]).await.unwrap();
            settle().await;
            let update = far.sent().pop().unwrap();
            assert_eq!(update.segment().ack, Some(far.seq));
            let window = u32::from(update.segment().window) << shift;
            assert!((1_460..=2_000).contains(&window), "{window}");
            stream.read_exact(&mut read[2_000..]).await.unwrap();
            assert_eq!(read, octets(0, sent));
        });
    }
}

#[test]
fn attack_c2_a_peer_that_ignores_the_window_fills_the_buffer_and_no_more() {
    for len in [1_460, 1_000, 500, 100] {
        let scene = Scene::new(Family::V4);
        let held = scene.held_after((0..TOO_MUCH / len).map(|index| scene.text(index * len, len)));
        assert_held(&scene, held, len);
        read_back(scene);
    }
}

#[test]
fn attack_c4_octets_that_come_one_by_one_take_no_more_room() {
    let scene = Scene::new(Family::V4);
    let held = scene.held_after((0..BUFFER + 20_000).map(|at| scene.text(at, 1)));
    assert_held(&scene, held, 1);
    read_back(scene);
}

#[test]
fn attack_c2_text_behind_holes_counts_too() {
    for len in [1_460, 700, 100, 1] {
        let scene = Scene::new(Family::V4);
        // Every second segment, lowest first, and then the same again.
        let steps = 65_535 / (2 * len);
        let places = (0..2 * steps).map(|index| 2 * (index % steps) * len + len);
        let held = scene.held_after(places.map(|at| scene.text(at, len)));
        assert_held_behind_a_hole(&scene, held, len);
        // What comes in order is taken all the same, and what it joins is delivered.
        scene.held_after([scene.text(0, len)].into_iter());
        assert_eq!(scene.stream.info().unwrap().unread, 2 * len as usize);
    }
}

#[test]
fn attack_c4_octets_that_come_last_first_take_no_more_room() {
    for len in [1, 2, 749] {
        let scene = Scene::new(Family::V4);
        let places = (1..65_535 / len).rev().map(|index| index * len);
        let held = scene.held_after(places.map(|at| scene.text(at, len)));
        assert_held_behind_a_hole(&scene, held, len);
        scene.held_after([scene.text(0, len)].into_iter());
        read_back(scene);
    }
}

/// What waits behind a hole is never more than the window that was offered first, for which no
/// buffer is needed that is larger than it.
fn assert_held_behind_a_hole(scene: &Scene, held: i64, len: u32) {
    let info = scene.stream.info().unwrap();
    assert_eq!(info.unread, 0);
    assert!((1..=65_535).contains(&info.out_of_order));
    assert!(held <= 2 * 65_536 + SLACK, "{held} octets for segments of {len}");
}

fn assert_held(scene: &Scene, held: i64, len: u32) {
    let info = scene.stream.info().unwrap();
    let shift = info.window_scale.unwrap().0;
    let unread = BUFFER as usize..BUFFER as usize + (1 << shift);
    assert!(unread.contains(&info.unread), "{} octets unread, segments of {len}", info.unread);
    assert_eq!(info.rcv_wnd, 0);
    assert!(held <= 2 * i64::from(BUFFER) + SLACK, "{held} octets for segments of {len}");
}

/// What was taken is what was sent.
fn read_back(mut scene: Scene) {
    let mut read = vec![0; scene.stream.info().unwrap().unread];
    scene.runtime.block_on(scene.stream.read_exact(&mut read)).unwrap();
    assert_eq!(read, octets(0, read.len() as u32));
}
