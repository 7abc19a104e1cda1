//! One client fetches a page and a large body, and checks every octet.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::body::Body;
use axum::http::Uri;
use http_body_util::BodyExt;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use synack::State;
use synack_examples::pages;

use crate::host::{Host, HttpClient};
use crate::report::Row;

const BODY_LEN: u64 = 64 << 20;

/// Fetches both, then closes the connection and waits until the stack is done with it.
pub(crate) async fn both(client: &Host, server: &Host, at: SocketAddr) -> Result<Row> {
    let http = client.client();
    let page_is_right = page(&http, at).await.context("the page")?;
    let (body_is_right, time) = body(&http, at).await.context("the body")?;
    let stack = if server.as_stack().is_some() { server } else { client };
    let info = stack.connection(at.port()).await.context("the connection at the stack")?;
    let handshake = http.handshake_time();
    drop(http);
    Ok(Row {
        way: String::new(),
        address: at.ip(),
        is_right: page_is_right && body_is_right,
        megabits_per_second: BODY_LEN as f64 * 8.0 / time.as_secs_f64() / 1e6,
        handshake,
        srtt: info.srtt.unwrap_or_default(),
        retransmissions: info.counters.retransmissions,
        last_state: last_state(stack, at.port()).await,
    })
}

async fn page(http: &HttpClient, at: SocketAddr) -> Result<bool> {
    let body = get(http, at, "/").await?.collect().await?.to_bytes();
    Ok(body == pages::PAGE)
}

/// Whether the body is right, and how long it took.
async fn body(http: &HttpClient, at: SocketAddr) -> Result<(bool, Duration)> {
    let progress = ProgressBar::new(BODY_LEN).with_style(ProgressStyle::with_template(
        "{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec}",
    )?);
    let start = Instant::now();
    let mut body = get(http, at, &format!("/octets/{BODY_LEN}")).await?;
    let mut hash = Sha256::new();
    while let Some(frame) = body.frame().await {
        if let Ok(octets) = frame?.into_data() {
            progress.inc(octets.len() as u64);
            hash.update(&octets);
        }
    }
    let time = start.elapsed();
    progress.finish_and_clear();
    Ok((hash.finalize()[..] == pages::pattern_hash(BODY_LEN), time))
}

async fn get(http: &HttpClient, at: SocketAddr, path: &str) -> Result<Body> {
    let uri: Uri = format!("http://{at}{path}").parse()?;
    let response = http.get(uri).await?;
    ensure!(response.status().is_success(), "{}", response.status());
    Ok(response.into_body())
}

/// The state that the stack's end of the connection comes to, once both sides have closed.
async fn last_state(stack: &Host, port: u16) -> String {
    let ending = async {
        loop {
            match stack.connection(port).await.map(|info| info.state) {
                None if stack.has_time_wait().await => break State::TimeWait,
                None | Some(State::Closed) => break State::Closed,
                Some(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let state = tokio::time::timeout(Duration::from_secs(5), ending).await;
    state.map_or_else(|_| "not closed".to_owned(), |state| state.to_string())
}
