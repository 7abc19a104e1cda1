//! Shows that a stack behind a TUN device speaks with the kernel's TCP, in both directions.
//! Each test has a private network; where there can be none, it says so, and fails if `CI=true`.
#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Duration;

use synack::{Device, ImpairedDevice, OffloadTunDevice, Stack, StackBuilder, TunDevice};
use synack_netem::LinkConfig;
use synack_netns::Interface;
use synack_wire::pseudo_header;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// How a stack is put behind a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// One packet a system call.
    Plain,
    /// Super-segments, and no checksums.
    Offload,
    /// The same behind a link that knows of no such thing.
    Wrapped,
    /// One packet a system call, and a shard for each of several queues.
    PlainShards,
    /// Super-segments, and a shard for each of several queues.
    OffloadShards,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::Plain, Self::Offload, Self::Wrapped, Self::PlainShards, Self::OffloadShards];

    fn has_offload(self) -> bool {
        match self {
            Self::Offload | Self::OffloadShards => true,
            Self::Plain | Self::Wrapped | Self::PlainShards => false,
        }
    }

    fn shards(self) -> usize {
        match self {
            Self::PlainShards | Self::OffloadShards => 4,
            Self::Plain | Self::Offload | Self::Wrapped => 1,
        }
    }

    fn open(self) -> StackBuilder {
        let builder = Stack::builder();
        match self {
            Self::Plain => {
                let mut queues = tokio_tun::Tun::builder().name("syn0").mtu(1_500).build().unwrap();
                let device = TunDevice::new(queues.remove(0)).unwrap();
                assert_eq!(device.name(), "syn0");
                builder.device(device)
            }
            Self::Offload => builder.tun("syn0").unwrap(),
            Self::Wrapped => {
                let device = OffloadTunDevice::open("syn0").unwrap();
                let link = LinkConfig::default();
                builder.device(ImpairedDevice::new(device, link.clone(), link, 1))
            }
            Self::PlainShards => {
                builder.queues(TunDevice::open_queues("syn0", self.shards()).unwrap())
            }
            Self::OffloadShards => builder.tun_queues("syn0", self.shards()).unwrap(),
        }
    }
}

/// Runs `body` beside a stack of each kind at 10.9.0.2 and fd09::2, with the kernel at 10.9.0.1 and
/// fd09::1.
fn with_stack<F: Future<Output = ()>>(body: impl Fn(Stack, Kind) -> F + Sync) {
    synack_netns::test(|| {
        for kind in Kind::ALL {
            eprintln!("{kind:?}");
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            runtime.enable_all().build().unwrap().block_on(async {
                let builder = kind.open();
                let capabilities: Vec<_> = builder.capabilities().collect();
                assert_eq!(capabilities[0].super_segments, kind.has_offload());
                assert_eq!((capabilities[0].mtu, capabilities.len()), (1_500, 1));
                let interface = Interface::named("syn0").unwrap();
                interface.set_up().unwrap();
                interface.add_address("10.9.0.1/24".parse().unwrap()).unwrap();
                interface.add_address("fd09::1/64".parse().unwrap()).unwrap();
                let stack = builder
                    .address("10.9.0.2/24".parse().unwrap())
                    .address("fd09::2/64".parse().unwrap())
                    .spawn()
                    .unwrap();
                let finished =
                    tokio::time::timeout(Duration::from_secs(60), body(stack, kind)).await;
                finished.expect("nothing here takes a minute");
            });
        }
    });
}

/// Octets one way and back, and the end of both directions.
async fn exchange<A, B>(mut near: A, mut far: B, len: usize)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let sent: Vec<u8> = (0..len).map(|index| (index % 249) as u8).collect();
    let near = async {
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
        let mut back = Vec::new();
        near.read_to_end(&mut back).await.unwrap();
        back
    };
    let far = async {
        let mut arrived = Vec::new();
        far.read_to_end(&mut arrived).await.unwrap();
        far.write_all(&arrived).await.unwrap();
        far.shutdown().await.unwrap();
    };
    let (back, ()) = tokio::join!(near, far);
    assert!(back == sent, "what came back is not what was sent");
}

#[test]
fn the_kernel_connects_to_a_listener_over_both_families() {
    with_stack(|stack, kind| async move {
        for address in ["10.9.0.2:80", "[fd09::2]:80"] {
            let address: SocketAddr = address.parse().unwrap();
            let listener = stack.listen(address).await.unwrap();
            let (kernel, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (stream, peer) = accepted.unwrap();
            let kernel = kernel.unwrap();
            assert_eq!(peer, kernel.local_addr().unwrap());
            exchange(kernel, stream, 4_000_000).await;
        }
        let stats = stack.stats();
        assert_eq!((stats.all_parse_errors().count(), stats.send_errors), (0, 0));
        // Two times 4 MB each way: 11,000 segments; or 200 super-segments, if all were full.
        let is_few = |packets: u64| packets < 4_000;
        assert_eq!(is_few(stats.packets_in), kind.has_offload(), "{}", stats.packets_in);
        assert_eq!(is_few(stats.packets_out), kind.has_offload(), "{}", stats.packets_out);
    });
}

#[test]
fn the_kernel_keeps_to_the_queue_of_the_shard_that_has_the_connection() {
    with_stack(|stack, kind| async move {
        assert_eq!(stack.shards(), kind.shards());
        let listener = stack.listen("10.9.0.2:80".parse().unwrap()).await.unwrap();
        let (mut used, mut exchanges) = (vec![0; kind.shards()], tokio::task::JoinSet::new());
        for _ in 0..24 {
            let (kernel, accepted) =
                tokio::join!(TcpStream::connect("10.9.0.2:80"), listener.accept());
            let stream = accepted.unwrap().0;
            used[stream.shard()] += 1;
            exchanges.spawn(exchange(kernel.unwrap(), stream, 400_000));
        }
        exchanges.join_all().await;
        assert!(used.iter().all(|count| *count > 0), "{used:?}");
        let stats = stack.stats();
        // Before our answer the kernel knows no better: a SYN, and what it sends until then.
        assert_eq!(stats.forwarded > 0, kind.shards() > 1);
        assert!(stats.forwarded < 24 * 8, "{}", stats.forwarded);
        assert_eq!(stats.drops(synack::DropReason::ShardQueueFull), 0);
    });
}

#[test]
fn a_tun_device_of_one_queue_is_not_opened_for_several() {
    synack_netns::test(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _plain = TunDevice::open("syn0").unwrap();
            let _offload = OffloadTunDevice::open("syn1").unwrap();
            for name in ["syn0", "syn1"] {
                TunDevice::open_queues(name, 2).unwrap_err();
                OffloadTunDevice::open_queues(name, 2).unwrap_err();
            }
            let queues = OffloadTunDevice::open_queues("syn%d", 3).unwrap();
            assert!(queues.iter().all(|queue| queue.name() == "syn2"), "{queues:?}");
            assert_eq!(TunDevice::open_queues("syn3", 3).unwrap().len(), 3);
        });
    });
}

/// Whether the checksum of the UDP datagram in `packet` is right.
fn is_intact(packet: &[u8]) -> bool {
    let (datagram, mut sum) = match packet[0] >> 4 {
        4 => {
            let [source, destination] = [12, 16].map(|at| packet[at..at + 4].try_into().unwrap());
            let [source, destination]: [[u8; 4]; 2] = [source, destination];
            let datagram = &packet[20..];
            let len = datagram.len().try_into().unwrap();
            (datagram, pseudo_header::ipv4(source.into(), destination.into(), UDP, len))
        }
        _ => {
            let [source, destination] = [8, 24].map(|at| packet[at..at + 16].try_into().unwrap());
            let [source, destination]: [[u8; 16]; 2] = [source, destination];
            let datagram = &packet[40..];
            let len = datagram.len().try_into().unwrap();
            (datagram, pseudo_header::ipv6(source.into(), destination.into(), UDP, len))
        }
    };
    sum.add(datagram);
    sum.is_intact()
}

#[test]
fn datagrams_of_the_kernel_come_with_checksums_and_are_answered() {
    with_stack(|stack, kind| async move {
        let mut others = stack.other_packets().unwrap();
        for (from, to) in [("10.9.0.1:0", "10.9.0.2:53"), ("[fd09::1]:0", "[fd09::2]:53")] {
            let socket = UdpSocket::bind(from).await.unwrap();
            let port = socket.local_addr().unwrap().port();
            socket.send_to(b"question", to).await.unwrap();
            let (ip_len, packet) = loop {
                let packet = others.recv().await.unwrap();
                // The kernel says other things as well when a device comes up.
                let (ip_len, protocol) =
                    if packet[0] >> 4 == 4 { (20, packet[9]) } else { (40, packet[6]) };
                if protocol == UDP && packet[ip_len..ip_len + 2] == port.to_be_bytes() {
                    break (ip_len, packet);
                }
            };
            // Behind the link without offloads nobody completes it.
            assert!(is_intact(&packet) || kind == Kind::Wrapped);
            let mut answer = packet.to_vec();
            let (addresses, half) = if ip_len == 20 { (12..20, 4) } else { (8..40, 16) };
            answer[addresses].rotate_left(half);
            answer[ip_len..ip_len + 4].rotate_left(2);
            others.send(answer.into()).unwrap();
            let mut buffer = [0; 100];
            let len = socket.recv(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..len], b"question");
        }
    });
}

#[test]
fn an_offload_device_is_opened_by_its_descriptor_too() {
    synack_netns::test(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let device = OffloadTunDevice::open("syn0").unwrap();
            assert_eq!(device.name(), "syn0");
            let refused = OffloadTunDevice::open("a_name_of_16_octs").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
            // Not a device; and one of the other kind.
            let none = std::fs::File::open("/dev/null").unwrap();
            assert!(OffloadTunDevice::from_fd(none.into(), 1_500).is_err());
            let copy = device.as_fd().try_clone_to_owned().unwrap();
            let again = OffloadTunDevice::from_fd(copy, 1_400).unwrap();
            assert_eq!((again.name(), again.capabilities().mtu), ("syn0", 1_400));
            assert!(again.capabilities().super_segments);
            let plain = TunDevice::open("syn1").unwrap();
            let copy = plain.as_fd().try_clone_to_owned().unwrap();
            let refused = OffloadTunDevice::from_fd(copy, 1_500).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        });
    });
}

#[test]
fn a_stack_connects_to_the_kernel_over_both_families() {
    with_stack(|stack, _| async move {
        for address in ["10.9.0.1:0", "[fd09::1]:0"] {
            let listener = TcpListener::bind(address).await.unwrap();
            let remote = listener.local_addr().unwrap();
            let (stream, accepted) = tokio::join!(stack.connect(remote), listener.accept());
            exchange(stream.unwrap(), accepted.unwrap().0, 4_000_000).await;
        }
    });
}

#[test]
fn the_kernel_refuses_and_is_refused() {
    with_stack(|stack, _| async move {
        let refused = stack.connect("10.9.0.1:9".parse().unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let refused = TcpStream::connect("10.9.0.2:9").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn resets_pass_both_ways() {
    with_stack(|stack, _| async move {
        let listener = stack.listen("10.9.0.2:80".parse().unwrap()).await.unwrap();
        let connect = || async {
            let (kernel, accepted) =
                tokio::join!(TcpStream::connect("10.9.0.2:80"), listener.accept());
            (kernel.unwrap(), accepted.unwrap().0)
        };
        let (mut kernel, ours) = connect().await;
        ours.abort();
        let error = kernel.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let (kernel, mut ours) = connect().await;
        kernel.set_zero_linger().unwrap();
        drop(kernel);
        let error = ours.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_device_that_is_removed_fails_its_connections() {
    with_stack(|stack, _| async move {
        let listener = TcpListener::bind("10.9.0.1:0").await.unwrap();
        let remote = listener.local_addr().unwrap();
        let (stream, _accepted) = tokio::join!(stack.connect(remote), listener.accept());
        let mut stream = stream.unwrap();
        let removed = Command::new("ip").args(["link", "delete", "syn0"]).status();
        if removed.is_err() {
            return; // Without the command there is no one to remove it.
        }
        // The next packet to leave finds it gone.
        stream.write_all(b"x").await.unwrap();
        let error = stream.read(&mut [0; 1]).await.unwrap_err();
        assert!(error.get_ref().is_some_and(|source| source.is::<synack::StackError>()), "{error}");
    });
}

/// The protocol number (RFC 768).
const UDP: u8 = 17;
