//! What idle connections take, the whole of it: both ends, tables, timers, and the stream itself.
//! An allocator counts what two stacks of one thread hold, on tokio's paused clock.

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use synack::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use crate::idle::paused;
use crate::pair::Pair;

/// Two stacks, and connections between them.
struct Scene {
    runtime: Runtime,
    pair: Pair,
    listener: TcpListener,
    ends: Vec<(TcpStream, TcpStream)>,
}

impl Scene {
    /// With a first connection, which made what there is one of.
    fn new() -> Self {
        let runtime = paused();
        let (pair, listener) = runtime.block_on(async {
            let pair = Pair::v4();
            let listener = pair.listen(80).await;
            (pair, listener)
        });
        let mut scene = Self { runtime, pair, listener, ends: Vec::new() };
        scene.open(1);
        scene.rest();
        scene
    }

    /// Opens so many connections, each used for one octet there and back.
    fn open(&mut self, count: usize) {
        let Self { runtime, pair, listener, ends } = self;
        ends.reserve_exact(count);
        runtime.block_on(async {
            for _ in 0..count {
                let opened = tokio::join!(pair.client.connect(pair.at(80)), listener.accept());
                let (mut client, (mut server, _)) = (opened.0.unwrap(), opened.1.unwrap());
                exchange(&mut client, &mut server).await;
                ends.push((client, server));
            }
        });
    }

    /// Lets everything that was begun come to its end.
    fn rest(&self) {
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_secs(400)).await });
    }
}

async fn exchange(client: &mut TcpStream, server: &mut TcpStream) {
    let mut octet = [7];
    client.write_all(&octet).await.unwrap();
    server.read_exact(&mut octet).await.unwrap();
    server.write_all(&octet).await.unwrap();
    client.read_exact(&mut octet).await.unwrap();
}

#[test]
fn an_idle_connection_takes_two_kibibytes_at_the_most() {
    const COUNT: usize = 4_000;
    let mut scene = Scene::new();
    let held = measure(|| {
        scene.open(COUNT);
        scene.rest();
    });
    let ends = 2 * COUNT as i64;
    let (octets, blocks) = (held.bytes_current / ends, held.count_current / ends);
    assert!((512..=2 << 10).contains(&octets), "{octets} octets an end");
    assert_eq!(blocks, 2, "a cell with its connection, and a controller");
}

#[test]
fn buffers_are_there_while_there_is_traffic_and_go_when_it_is_quiet() {
    let mut scene = Scene::new();
    let Scene { runtime, ends, .. } = &mut scene;
    let (client, server) = &mut ends[0];
    let mut exchanges = |count: u32| -> AllocationInfo {
        measure(|| {
            runtime.block_on(async {
                for _ in 0..count {
                    exchange(client, server).await;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            });
        })
    };
    let first = exchanges(1);
    assert!(first.bytes_current > 4_000, "{} octets for both ends", first.bytes_current);
    // Tokio allocates for some calls of `block_on`, the stacks do not.
    let later = exchanges(100).count_total;
    assert!(later < 10, "{later} allocations: they are kept");
    let rest = async { tokio::time::sleep(Duration::from_secs(5)).await };
    let quiet = measure(|| runtime.block_on(rest));
    assert!(quiet.bytes_current < -4_000, "{} octets go", quiet.bytes_current);
}
