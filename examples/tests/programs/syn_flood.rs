//! `echo` serves its clients through a flood of 100,000 SYNs from made-up addresses, in bounded
//! memory. They are written on raw sockets; the kernel tells how many were answered, to nobody.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use etherparse::{PacketBuilder, TcpOptionElement};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, sendto, socket,
};
use synack_netns::Interface;

use crate::network;
use crate::process::{Process, example};

const SYNS: u32 = 100_000;
/// SYNs that wait in the queue of the device at most: the stack is never idle, and none is lost.
const UNANSWERED_MAX: u64 = 2_000;
const QUEUE_PACKETS: u32 = 10_000;
const MEMORY_KIB_MAX: u64 = 16 << 10;
const SERVERS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(10, 9, 0, 2)),
    IpAddr::V6(Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 2)),
];
const PORT: u16 = 7;

#[test]
fn open_11_sync_2_a_syn_flood_takes_neither_memory_nor_service() {
    synack_netns::test(|| {
        let device = network::make_device();
        device.set_queue_len(QUEUE_PACKETS).unwrap();
        route_what_is_made_up(&device);
        let mut server = Process::start(example("echo").arg("--existing"), Vec::new());
        server.wait_for_output("listening on port 7");
        // The first conversation also brings what the server needs in any case.
        converse_with_both(1 << 20);
        let before_kib = memory_kib(server.id(), "VmRSS:");
        let lost_before = packets_lost();

        let conversations = std::thread::scope(|scope| {
            let flooding = scope.spawn(flood);
            let mut conversations = 0;
            while !flooding.is_finished() {
                converse_with_both(10_000);
                conversations += SERVERS.len();
            }
            flooding.join().unwrap();
            conversations
        });
        assert!(conversations >= 20, "{conversations} conversations during the flood");
        assert_eq!(packets_lost(), lost_before, "the flood did not reach the server");
        converse_with_both(1 << 20);

        // The most that it ever took, so also what it has given back.
        let peak_kib = memory_kib(server.id(), "VmHWM:");
        assert!(peak_kib <= before_kib + MEMORY_KIB_MAX, "{before_kib} KiB before, {peak_kib} KiB");
    });
}

fn converse_with_both(len: usize) {
    for server in SERVERS {
        converse(server, len);
    }
}

/// Sends `len` octets as a client of the kernel, and wants them back.
fn converse(server: IpAddr, len: usize) {
    let stream = TcpStream::connect_timeout(&SocketAddr::new(server, PORT), PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let said: Vec<u8> = (0..len).map(|place| (place % 251) as u8).collect();
    let mut heard = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&stream).write_all(&said).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
        });
        (&stream).read_to_end(&mut heard).unwrap();
    });
    assert!(heard == said, "{server}: {} of {len} octets", heard.len());
}

/// Sends all SYNs, every other over IPv6, at the pace of the answers.
fn flood() {
    let sockets = [AddressFamily::Inet, AddressFamily::Inet6].map(raw_socket);
    for number in 0..SYNS {
        let family = (number % 2) as usize;
        let packet = syn(SERVERS[family], number);
        let to = SockaddrStorage::from(SocketAddr::new(SERVERS[family], 0));
        sendto(sockets[family].as_raw_fd(), &packet, &to, MsgFlags::empty()).unwrap();
        if number % 100 == 0 {
            wait_for_answers(u64::from(number).saturating_sub(UNANSWERED_MAX));
        }
    }
    wait_for_answers(u64::from(SYNS));
}

fn wait_for_answers(count: u64) {
    let start = Instant::now();
    while answers_to_nobody() < count {
        assert!(start.elapsed() < PATIENCE, "{} answers of {count}", answers_to_nobody());
        std::thread::yield_now();
    }
}

/// A socket that takes whole packets, with whatever source.
fn raw_socket(family: AddressFamily) -> OwnedFd {
    socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Raw).unwrap()
}

/// The SYN of a client that does not exist; none is like another.
fn syn(server: IpAddr, number: u32) -> Vec<u8> {
    let [_, high, middle, low] = number.to_be_bytes();
    let packet = match server {
        IpAddr::V4(server) => {
            PacketBuilder::ipv4([10, 200 + high, middle, low], server.octets(), 64)
        }
        IpAddr::V6(server) => {
            let client = Ipv6Addr::new(0xfdff, 0, 0, 0, 0, 0, u16::from(high), number as u16);
            PacketBuilder::ipv6(client.octets(), server.octets(), 64)
        }
    };
    // Spread over ports and sequence numbers; 2^32 / the golden ratio.
    let spread = number.wrapping_mul(0x9e37_79b9);
    let options = [
        TcpOptionElement::MaximumSegmentSize(1_460),
        TcpOptionElement::SelectiveAcknowledgementPermitted,
        TcpOptionElement::Timestamp(spread, 0),
        TcpOptionElement::Noop,
        TcpOptionElement::WindowScale(7),
    ];
    let packet = packet.tcp((spread >> 16) as u16 | 1_024, PORT, spread, 64_240).syn();
    let mut octets = Vec::new();
    packet.options(&options).unwrap().write(&mut octets, &[]).unwrap();
    octets
}

/// Made-up addresses are behind the device; the kernel is no router, so answers to them end there.
fn route_what_is_made_up(device: &Interface) {
    for prefix in ["10.200.0.0/14", "fdff::/16"] {
        device.add_route(prefix.parse().unwrap(), None).unwrap();
    }
}

/// Packets that came to the kernel for an address that is not its own.
fn answers_to_nobody() -> u64 {
    let v4 = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut rows = v4.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (names, numbers) = (rows.next().unwrap(), rows.next().unwrap());
    let column = names.split(' ').position(|name| name == "InAddrErrors").unwrap();
    let v4: u64 = numbers.split(' ').nth(column).unwrap().parse().unwrap();
    let v6 = std::fs::read_to_string("/proc/thread-self/net/snmp6").unwrap();
    v4 + number_after(&v6, "Ip6InAddrErrors")
}

/// Packets that found the queue of the device full.
fn packets_lost() -> u64 {
    let devices = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let row = devices.lines().find_map(|line| line.trim_start().strip_prefix("synack0:")).unwrap();
    // Eight columns of what came in, then octets, packets, errors and drops of what went out.
    row.split_whitespace().nth(11).unwrap().parse().unwrap()
}

fn memory_kib(process: u32, name: &str) -> u64 {
    number_after(&std::fs::read_to_string(format!("/proc/{process}/status")).unwrap(), name)
}

/// The number behind `name` in a table of names and numbers.
fn number_after(table: &str, name: &str) -> u64 {
    let row = table.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    row.split_whitespace().next().unwrap().parse().unwrap()
}

/// Far longer than anything takes here, and less than the kernel's patience.
const PATIENCE: Duration = Duration::from_secs(20);
