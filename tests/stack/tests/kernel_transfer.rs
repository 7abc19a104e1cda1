//! Octets between the kernel's TCP and ours, every one right: both ways, both families, four MTUs,
//! with super-segments and without.
//! The kernel's end are ordinary sockets of tokio in a private network, behind a TUN device.

use synack::OffloadTunDevice;
use synack_stack::stream::transfer;
use synack_stack::{Ends, Family, Link, with_device, with_kernel};

const LEN: usize = 16 << 20;

/// A stream each way over a connection that the kernel opened, then over one that we opened.
fn every_octet_arrives(mtu: u16) {
    with_kernel(mtu, both_ways);
    with_device(mtu, OffloadTunDevice::open, |builder| builder, both_ways);
}

async fn both_ways(link: Link) {
    for family in Family::ALL {
        opened_by_the_kernel(&link, family).await;
        opened_by_us(&link, family).await;
    }
}

async fn opened_by_the_kernel(link: &Link, family: Family) {
    let Ends { kernel, ours } = link.opened_by_the_kernel(family).await.unwrap();
    let ((mut our_reader, our_writer), (mut reader, writer)) =
        (ours.into_split(), kernel.into_split());
    transfer(writer, &mut our_reader, LEN, 1).await.unwrap();
    // The kernel's half is closed; ours still carries as much.
    transfer(our_writer, &mut reader, LEN, 2).await.unwrap();
}

async fn opened_by_us(link: &Link, family: Family) {
    let Ends { kernel, ours } = link.opened_by_us(family).await.unwrap();
    // Both directions at once.
    let ((mut our_reader, our_writer), (mut reader, writer)) =
        (ours.into_split(), kernel.into_split());
    let to_kernel = transfer(our_writer, &mut reader, LEN, 3);
    let to_us = transfer(writer, &mut our_reader, LEN, 4);
    tokio::try_join!(to_kernel, to_us).unwrap();
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
