//! Shows that nothing is missed, however long a run of reads was, and that a long one is quiet.
//! A watched socket of a pair; the other end is written to between reads.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::*;

fn watched() -> (Watch<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (Watch::new(near).unwrap(), far)
}

/// Reads one octet; waits for it.
async fn octet(watch: &Watch<UnixStream>) -> io::Result<u8> {
    let mut octet = [0];
    let read = |mut near: &UnixStream| near.read_exact(&mut octet);
    let mut read = read;
    poll_fn(|cx| watch.poll_read(cx, &mut read)).await?;
    Ok(octet[0])
}

/// Whether a read finds nothing.
async fn is_empty(watch: &Watch<UnixStream>) -> bool {
    let read = |mut near: &UnixStream| near.read(&mut [0]);
    poll_fn(|cx| Poll::Ready(watch.poll_read(cx, read).is_pending())).await
}

/// Whether tokio is to tell of what comes.
fn is_told(watch: &Watch<UnixStream>) -> bool {
    matches!(*lock(&watch.run), Run::Short(..))
}

#[tokio::test(flavor = "current_thread")]
async fn whatever_comes_after_a_run_of_any_length_is_read() {
    let (watch, mut far) = watched();
    for run in [1, 2, RUN_MAX - 1, RUN_MAX, RUN_MAX + 1, 3 * RUN_MAX] {
        for sent in [0, 1] {
            // The first run is there before it is asked for, the second comes while it is awaited.
            let octets = vec![sent; run as usize];
            let send = async {
                tokio::task::yield_now().await;
                far.write_all(&octets).unwrap();
            };
            let receive = async {
                for index in 0..run {
                    assert_eq!(octet(&watch).await.unwrap(), sent, "{index} of {run}");
                }
                assert!(is_empty(&watch).await);
            };
            if sent == 0 {
                send.await;
                receive.await;
            } else {
                tokio::join!(receive, send);
            }
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn what_comes_between_the_last_read_and_the_end_of_a_run_is_told() {
    let (watch, mut far) = watched();
    for run in [1, RUN_MAX, 2 * RUN_MAX] {
        far.write_all(&vec![7; run as usize]).unwrap();
        for _ in 0..run {
            octet(&watch).await.unwrap();
        }
        // It comes after a read found nothing, and before the task sleeps.
        let mut reads = 0;
        let mut found = [0];
        let read = |mut near: &UnixStream| {
            reads += 1;
            let result = near.read(&mut found);
            if reads == 1 {
                assert_eq!(result.as_ref().unwrap_err().kind(), io::ErrorKind::WouldBlock);
                far.write_all(&[9]).unwrap();
            }
            result
        };
        let mut read = read;
        poll_fn(|cx| watch.poll_read(cx, &mut read)).await.unwrap();
        assert_eq!(found, [9], "after {run}");
        assert!(is_empty(&watch).await);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_long_run_is_quiet_until_nothing_is_left() {
    let (watch, mut far) = watched();
    far.write_all(&[1; RUN_MAX as usize - 1]).unwrap();
    for _ in 0..RUN_MAX - 1 {
        octet(&watch).await.unwrap();
    }
    far.write_all(&[2]).unwrap();
    assert!(is_told(&watch), "a short run is told of what comes");
    octet(&watch).await.unwrap();
    far.write_all(&[3]).unwrap();
    assert!(!is_told(&watch), "a long one is not");
    octet(&watch).await.unwrap();
    assert!(is_empty(&watch).await);
    far.write_all(&[4]).unwrap();
    assert!(is_told(&watch), "the run is over");
}

#[tokio::test(flavor = "current_thread")]
async fn the_other_end_is_found_gone() {
    let (watch, far) = watched();
    assert!(is_empty(&watch).await);
    drop(far);
    assert_eq!(octet(&watch).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
}
