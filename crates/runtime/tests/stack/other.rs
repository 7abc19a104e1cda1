//! Shows what becomes of packets that are not TCP: pings answered, the rest for the application.
//! The far end of a cable in memory is the test itself, on tokio's paused clock.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use synack::{BufferPool, Device, MemoryDevice, Outgoing, Stack};

/// A stack at 10.0.0.2, and the other end of its cable.
fn stack() -> (Stack, MemoryDevice) {
    let (near, far) = MemoryDevice::pair(1_500);
    let builder = Stack::builder().device(near).address("10.0.0.2/24".parse().unwrap());
    (builder.address("fd00::2/64".parse().unwrap()).spawn().unwrap(), far)
}

pub(crate) fn send(device: &MemoryDevice, packet: &[u8]) {
    device.try_send(Outgoing::octets(packet, &mut Vec::new())).unwrap();
}

pub(crate) async fn receive(device: &MemoryDevice) -> Bytes {
    let mut pool = BufferPool::new(0);
    poll_fn(|cx| device.poll_receive(cx, &mut pool)).await.unwrap().packet
}

/// An IPv4 packet with a right header.
pub(crate) fn ipv4(protocol: u8, source: [u8; 4], destination: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    packet.extend(source);
    packet.extend(destination);
    let len = (packet.len() + content.len()) as u16;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(content);
    packet
}

fn checksum(octets: &[u8]) -> u16 {
    let mut sum = synack_wire::checksum::Sum::new();
    sum.add(octets);
    sum.checksum()
}

pub(crate) fn ping(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut message = b"\x08\0\0\0\x12\x34\0\x01hello".to_vec();
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv4(1, source, destination, &message)
}

const US: [u8; 4] = [10, 0, 0, 2];
const FAR: [u8; 4] = [10, 0, 0, 1];

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered() {
    let (stack, far) = stack();
    send(&far, &ping(FAR, US));
    let reply = receive(&far).await;
    assert_eq!((&reply[12..16], &reply[16..20]), (&US[..], &FAR[..]));
    assert_eq!(reply[20], 0, "an echo reply");
    assert_eq!(&reply[24..], b"\x12\x34\0\x01hello");
    assert_eq!(checksum(&reply[20..]), 0);
    assert_eq!(stack.stats().echo_replies, 1);
}

#[tokio::test(start_paused = true)]
async fn a_ping_to_a_group_or_to_another_host_is_not_answered() {
    let (stack, far) = stack();
    for destination in [[10, 0, 0, 255], [224, 0, 0, 1], [10, 0, 0, 77]] {
        send(&far, &ping(FAR, destination));
    }
    send(&far, &ping([224, 0, 0, 1], US));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stats = stack.stats();
    assert_eq!((stats.packets_in, stats.packets_out, stats.echo_replies), (4, 0, 0));
    assert_eq!(stats.other_dropped, 4, "nobody takes them");
}

#[tokio::test(start_paused = true)]
async fn other_packets_go_to_the_application_and_come_from_it() {
    let (stack, far) = stack();
    let mut packets = stack.other_packets().unwrap();
    assert!(stack.other_packets().is_none(), "one takes them");
    let datagram = ipv4(17, FAR, US, b"some datagram");
    send(&far, &datagram);
    assert_eq!(packets.recv().await.unwrap(), datagram);
    let answer = Bytes::from(ipv4(17, US, FAR, b"the answer"));
    packets.send(answer.clone()).unwrap();
    assert_eq!(receive(&far).await, answer);
    assert_eq!(packets.send(Bytes::new()).unwrap_err().kind(), ErrorKind::InvalidInput);
    drop(packets);
    assert!(stack.other_packets().is_some(), "it is free again");
    let stats = stack.stats();
    assert_eq!((stats.other_in, stats.other_out, stats.other_dropped), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_application_does_not_take_is_bounded_and_counted() {
    let (stack, far) = stack();
    let mut packets = stack.other_packets().unwrap();
    for number in 0..400_u16 {
        send(&far, &ipv4(17, FAR, US, &number.to_be_bytes()));
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stats = stack.stats();
    assert_eq!((stats.other_in, stats.other_dropped), (256, 144));
    for number in 0..256_u16 {
        assert_eq!(packets.recv().await.unwrap()[20..], number.to_be_bytes());
    }
    assert!(futures::poll!(Box::pin(packets.recv())).is_pending());
}

#[tokio::test(start_paused = true)]
async fn what_the_driver_does_not_take_is_bounded_and_counted() {
    let (stack, far) = stack();
    let packets = stack.other_packets().unwrap();
    for round in 1..=2 {
        for number in 0..400_u16 {
            packets.send(ipv4(17, US, FAR, &number.to_be_bytes()).into()).unwrap();
        }
        for number in 0..256_u16 {
            assert_eq!(receive(&far).await[20..], number.to_be_bytes());
        }
        let stats = stack.stats();
        assert_eq!((stats.other_out, stats.other_dropped), (256 * round, 144 * round));
    }
    assert_eq!(stack.shutdown(tokio::time::Instant::now()).await, 0);
    let gone = packets.send(ipv4(17, US, FAR, b"late").into()).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NetworkDown);
}

#[tokio::test(start_paused = true)]
async fn noise_is_counted_and_nothing_else() {
    let (stack, far) = stack();
    send(&far, &[0xff; 60]);
    let mut broken = ping(FAR, US);
    broken[10] ^= 1;
    send(&far, &broken);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stats = stack.stats();
    let errors: Vec<_> = stats.all_parse_errors().collect();
    assert_eq!(errors, [(synack::ParseError::IpVersion, 1), (synack::ParseError::Ipv4Checksum, 1)]);
    assert_eq!(stats.packets_out, 0);
}
