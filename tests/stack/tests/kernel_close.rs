//! How connections end between the kernel and us: half-closed either way, reset, refused, by the
//! thousand. The kernel's errors and states are its own; ours must be those that its sockets give.

use std::io::ErrorKind;

use synack::State;
use synack_stack::stream::{receive, send};
use synack_stack::{Ends, Family, Link, PORT, with_kernel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn pair(link: &Link, family: Family) -> (tokio::net::TcpStream, synack::TcpStream) {
    let Ends { kernel, ours } = link.opened_by_the_kernel(family).await.unwrap();
    (kernel, ours)
}

#[test]
fn a_request_is_answered_after_the_kernel_closed_its_half_and_after_we_closed_ours() {
    with_kernel(1_500, |link| async move {
        for family in Family::ALL {
            let (mut kernel, mut ours) = pair(&link, family).await;
            kernel.write_all(b"request").await.unwrap();
            kernel.shutdown().await.unwrap();
            let mut request = Vec::new();
            ours.read_to_end(&mut request).await.unwrap();
            assert_eq!(request, b"request");
            ours.write_all(b"answer").await.unwrap();
            drop(ours);
            let mut answer = Vec::new();
            kernel.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"answer");

            let (mut kernel, mut ours) = pair(&link, family).await;
            ours.write_all(b"request").await.unwrap();
            ours.shutdown().await.unwrap();
            let mut request = Vec::new();
            kernel.read_to_end(&mut request).await.unwrap();
            assert_eq!(request, b"request");
            kernel.write_all(b"answer").await.unwrap();
            drop(kernel);
            let mut answer = Vec::new();
            ours.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"answer");
            assert_eq!(ours.info().unwrap().state, State::TimeWait, "{family:?}");
        }
    });
}

#[test]
fn an_abort_is_connection_reset_on_the_other_side() {
    with_kernel(1_500, |link| async move {
        for family in Family::ALL {
            let (mut kernel, ours) = pair(&link, family).await;
            ours.abort();
            let error = kernel.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{family:?}");

            let (mut kernel, mut ours) = pair(&link, family).await;
            kernel.write_all(b"before").await.unwrap();
            kernel.set_zero_linger().unwrap();
            // The octets must be there first, as a kernel drops what it still holds.
            ours.readable().await.unwrap();
            drop(kernel);
            let mut before = [0; 6];
            ours.read_exact(&mut before).await.unwrap();
            assert_eq!(&before, b"before");
            let error = ours.read(&mut [0; 8]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{family:?}");
            assert_eq!(ours.read(&mut [0; 8]).await.unwrap(), 0, "{family:?}: the end, once told");
        }
    });
}

#[test]
fn a_closed_port_refuses_on_either_side() {
    with_kernel(1_500, |link| async move {
        for family in Family::ALL {
            let error = tokio::net::TcpStream::connect(family.stack(PORT)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{family:?}");
            let error = link.stack.connect(family.kernel(PORT)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{family:?}");
        }
    });
}

#[test]
fn a_thousand_connections_at_once_each_move_a_mebibyte_and_close() {
    const CONNECTIONS: usize = 1_000;
    with_kernel(1_500, |link| async move {
        // Ten segments each at once: a shorter queue of the kernel's would lose most of them.
        link.interface.set_queue_len(20_000).unwrap();
        let listener = link.stack.listen(Family::V4.stack(PORT)).await.unwrap();
        let serving = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..CONNECTIONS {
                let (mut ours, _) = listener.accept().await.unwrap();
                tasks.spawn(async move { receive(&mut ours).await.unwrap() });
            }
            tasks.join_all().await
        });
        let mut clients = tokio::task::JoinSet::new();
        for seed in 0..CONNECTIONS {
            clients.spawn(async move {
                let mut kernel = tokio::net::TcpStream::connect(Family::V4.stack(PORT)).await?;
                let hash = send(&mut kernel, 1 << 20, seed as u64 * 2).await?;
                kernel.shutdown().await?;
                // Our side closes when it has everything.
                kernel.read_to_end(&mut Vec::new()).await?;
                std::io::Result::Ok(hash)
            });
        }
        let mut sent: Vec<_> = clients.join_all().await.into_iter().map(Result::unwrap).collect();
        let received = serving.await.unwrap();
        let mut hashes: Vec<_> = received.iter().map(|(_, hash)| *hash).collect();
        sent.sort_unstable();
        hashes.sort_unstable();
        assert!(received.iter().all(|(len, _)| *len == 1 << 20));
        assert!(sent == hashes, "every stream is one that was sent");
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        assert_eq!(link.stack.shutdown(deadline).await, 0, "all closed in order");
    });
}
