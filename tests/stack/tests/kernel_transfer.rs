//! Octets between the kernel's TCP and ours, every one right: both ways, both families, four MTUs.
//! The kernel's end are ordinary sockets of tokio in a private network, behind a TUN device.

use synack_stack::stream::{receive, send};
use synack_stack::{Family, Link, with_kernel};
use tokio::io::AsyncWriteExt;

const LEN: usize = 16 << 20;
const PORT: u16 = 9_000;

/// A stream each way over a connection that the kernel opened, then over one that we opened.
fn every_octet_arrives(mtu: u16) {
    with_kernel(mtu, |link| async move {
        for family in Family::ALL {
            opened_by_the_kernel(&link, family).await;
            opened_by_us(&link, family).await;
        }
    });
}

async fn opened_by_the_kernel(link: &Link, family: Family) {
    let listener = link.stack.listen(family.stack(PORT)).await.unwrap();
    let kernel = tokio::net::TcpStream::connect(family.stack(PORT));
    let (kernel, ours) = tokio::join!(kernel, listener.accept());
    let (mut kernel, (mut ours, _)) = (kernel.unwrap(), ours.unwrap());
    let sending = async {
        let hash = send(&mut kernel, LEN, 1).await.unwrap();
        kernel.shutdown().await.unwrap();
        hash
    };
    let (sent, received) = tokio::join!(sending, receive(&mut ours));
    assert_eq!(received.unwrap(), (LEN, sent), "{family:?}: kernel to us");
    // The kernel's half is closed; ours still carries as much.
    let sending = async {
        let hash = send(&mut ours, LEN, 2).await.unwrap();
        ours.shutdown().await.unwrap();
        hash
    };
    let (sent, received) = tokio::join!(sending, receive(&mut kernel));
    assert_eq!(received.unwrap(), (LEN, sent), "{family:?}: us to kernel");
}

async fn opened_by_us(link: &Link, family: Family) {
    let listener = tokio::net::TcpListener::bind(family.kernel(PORT)).await.unwrap();
    let ours = link.stack.connect(family.kernel(PORT));
    let (ours, kernel) = tokio::join!(ours, listener.accept());
    let (ours, (kernel, _)) = (ours.unwrap(), kernel.unwrap());
    // Both directions at once.
    let ((mut our_reader, mut our_writer), (mut reader, mut writer)) =
        (ours.into_split(), kernel.into_split());
    let sending = async {
        let hash = send(&mut our_writer, LEN, 3).await.unwrap();
        our_writer.shutdown().await.unwrap();
        hash
    };
    let answering = async {
        let hash = send(&mut writer, LEN, 4).await.unwrap();
        writer.shutdown().await.unwrap();
        hash
    };
    let (sent, answered, received, answer) =
        tokio::join!(sending, answering, receive(&mut reader), receive(&mut our_reader));
    assert_eq!(received.unwrap(), (LEN, sent), "{family:?}: us to kernel");
    assert_eq!(answer.unwrap(), (LEN, answered), "{family:?}: kernel to us");
}

#[test]
fn every_octet_arrives_at_mtu_1280() {
    every_octet_arrives(1_280);
}

#[test]
fn every_octet_arrives_at_mtu_1500() {
    every_octet_arrives(1_500);
}

#[test]
fn every_octet_arrives_at_mtu_9000() {
    every_octet_arrives(9_000);
}

#[test]
fn every_octet_arrives_at_mtu_65535() {
    every_octet_arrives(65_535);
}
