//! Shows that a stack at rest does nothing, and that what it does under load does not allocate.
//! By the stack's own counters, and by an allocator that counts, on tokio's paused clock.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair::{Family, Pair};

#[tokio::test(start_paused = true)]
async fn a_stack_at_rest_is_not_woken_and_no_timer_runs() {
    let pair = Pair::v4();
    let listener = pair.listen(80).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let (client, server) = tokio::join!(pair.client.connect(pair.at(80)), listener.accept());
        let (mut client, (mut server, _)) = (client.unwrap(), server.unwrap());
        client.write_all(b"hello").await.unwrap();
        server.read_exact(&mut [0; 5]).await.unwrap();
        streams.push((client, server));
    }
    // What was armed while there was traffic comes up early, finds nothing due, and is gone.
    tokio::time::sleep(Duration::from_secs(400)).await;
    let before = [pair.client.stats(), pair.server.stats()];
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    let after = [pair.client.stats(), pair.server.stats()];
    assert_eq!(before, after);
}

#[tokio::test(start_paused = true)]
async fn a_stack_without_connections_is_never_woken() {
    let pair = Pair::v4();
    let _listener = pair.listen(80).await;
    let before = [pair.client.stats(), pair.server.stats()];
    tokio::time::sleep(Duration::from_secs(365 * 86_400)).await;
    assert_eq!([pair.client.stats(), pair.server.stats()], before);
}

#[tokio::test(start_paused = true)]
async fn what_traffic_leaves_armed_comes_up_once_a_connection_and_side() {
    let pair = Pair::v4();
    let (mut client, mut server) = pair.connect().await;
    for _ in 0..1_000 {
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut [0; 4]).await.unwrap();
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut [0; 4]).await.unwrap();
    }
    let before = [pair.client.stats(), pair.server.stats()];
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    let after = [pair.client.stats(), pair.server.stats()];
    for (before, after) in before.iter().zip(&after) {
        // The retransmission timer's time, the delayed ACK's, that of memory to be given back, and
        // then the user timeout's.
        assert!(after.timers - before.timers <= 4, "{} timers", after.timers - before.timers);
        assert!(after.packets_out - before.packets_out <= 1, "the last ACK");
    }
}

#[tokio::test(start_paused = true)]
async fn keep_alive_wakes_a_stack_a_few_times_in_two_hours() {
    let pair = Pair::v4();
    let (client, _server) = pair.connect().await;
    client.set_keepalive(Some(synack::KeepAlive::default())).unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let before = [pair.client.stats(), pair.server.stats()];
    tokio::time::sleep(Duration::from_secs(10 * 7_200)).await;
    let after = [pair.client.stats(), pair.server.stats()];
    let more = |side: usize| after[side].wakeups - before[side].wakeups;
    assert_eq!(after[0].packets_out - before[0].packets_out, 10, "a probe each two hours");
    // For the probe, its answer, and what would be the second probe; and for each level that the
    // timer's entry goes down in the wheel.
    assert!(more(0) <= 10 * (3 + 6), "{} wake-ups", more(0));
    assert_eq!(more(1), 10, "each for a probe");
}

/// Counts the allocations of `steady`, once it ran in `runtime` before. What the runtime allocates
/// for each call that blocks on it, a list of the tasks that yield, counts out.
fn allocations(runtime: &tokio::runtime::Runtime, mut steady: impl AsyncFnMut()) -> u64 {
    let mut counted = |times: u64| {
        let run = async {
            for _ in 0..times {
                steady().await;
            }
        };
        allocation_counter::measure(|| runtime.block_on(run)).count_total
    };
    counted(1);
    let once = counted(1);
    counted(2) - once
}

pub(crate) fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

#[test]
fn a_bulk_transfer_allocates_nothing_in_its_steady_state() {
    let runtime = paused();
    let (mut client, mut server) = runtime.block_on(async { Pair::v4().connect().await });
    let sent = vec![6; 64 << 10];
    let mut read = vec![0; 64 << 10];
    let counted = allocations(&runtime, async || {
        for _ in 0..200 {
            let (written, arrived) =
                tokio::join!(client.write_all(&sent), server.read_exact(&mut read));
            written.unwrap();
            arrived.unwrap();
        }
    });
    assert_eq!(counted, 0, "for 200 times 64 KiB");
}

#[test]
fn a_ping_pong_allocates_nothing_in_its_steady_state() {
    let runtime = paused();
    for family in [Family::V4, Family::V6] {
        let (mut client, mut server) =
            runtime.block_on(async { Pair::new(family).connect().await });
        let counted = allocations(&runtime, async || {
            let mut octet = [1];
            for _ in 0..1_000 {
                client.write_all(&octet).await.unwrap();
                server.read_exact(&mut octet).await.unwrap();
                server.write_all(&octet).await.unwrap();
                client.read_exact(&mut octet).await.unwrap();
            }
        });
        assert_eq!(counted, 0, "for 1,000 exchanges over {family:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_wakes_the_driver_once_for_a_batch_of_writes() {
    let pair = Pair::v4();
    let (client, mut server) = pair.connect().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = pair.client.stats();
    for _ in 0..100 {
        client.try_write(&[1; 100]).unwrap();
    }
    tokio::task::yield_now().await;
    let after = pair.client.stats();
    assert!(after.wakeups - before.wakeups <= 2, "{} wake-ups", after.wakeups - before.wakeups);
    server.read_exact(&mut [0; 10_000]).await.unwrap();
}
