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

/// Runs `steady` twice in `runtime`, and counts the allocations of the second time.
fn allocations(runtime: &tokio::runtime::Runtime, mut steady: impl AsyncFnMut()) -> u64 {
    runtime.block_on(steady());
    allocation_counter::measure(|| runtime.block_on(steady())).count_total
}

fn paused() -> tokio::runtime::Runtime {
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
