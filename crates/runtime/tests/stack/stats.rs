//! Shows that a stack tells what its endpoint counted beside the connections.
//! Two stacks are joined in memory, on tokio's paused clock.

use std::io::ErrorKind;
use std::time::Duration;

use synack::{EndpointConfig, SynCookies};

use crate::pair::{Family, Pair};

#[tokio::test(start_paused = true)]
async fn sync_1_cookies_that_were_sent_and_came_back_are_counted() {
    let pair = Pair::v4();
    let listen = pair.server.listen(pair.at(80));
    let listen = listen.configure(|config| config.syn_cookies = SynCookies::Always);
    let listener = listen.await.unwrap();
    for _ in 0..3 {
        let (client, server) = tokio::join!(pair.client.connect(pair.at(80)), listener.accept());
        drop((client.unwrap(), server.unwrap()));
    }
    let (client, server) = (pair.client.stats().endpoint, pair.server.stats().endpoint);
    assert_eq!((server.cookies_sent, server.cookies_valid, server.accepts), (3, 3, 3));
    assert_eq!((client.connects, client.cookies_sent), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn rst_15_resets_that_the_limit_kept_back_are_counted() {
    let limit = |builder: synack::StackBuilder| {
        builder.config(EndpointConfig { resets_per_second_max: 2, ..EndpointConfig::default() })
    };
    let pair = Pair::with(Family::V4, limit);
    let mut refused = 0;
    for _ in 0..5 {
        let connect = pair.client.connect(pair.at(80)).timeout(Duration::from_millis(1));
        refused += u64::from(connect.await.unwrap_err().kind() == ErrorKind::ConnectionRefused);
    }
    let counted = pair.server.stats().endpoint;
    assert_eq!((counted.resets_sent, counted.resets_limited), (2, 3));
    assert_eq!(refused, 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_entered_time_wait_is_counted() {
    let pair = Pair::v4();
    let (client, server) = pair.connect().await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(server);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(pair.client.stats().endpoint.time_waits, 1);
    assert_eq!(pair.server.stats().endpoint.time_waits, 0);
    assert_eq!(pair.client.stats().endpoint, pair.client.clone().stats().endpoint);
}
