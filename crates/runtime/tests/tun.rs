//! Shows that a stack behind a TUN device speaks with the kernel's TCP, in both directions.
//! Each test has a private network; where there can be none, it says so, and fails if `CI=true`.
#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use synack::{Stack, TunDevice};
use synack_netns::Interface;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Runs `body` beside a stack at 10.9.0.2 and fd09::2, with the kernel at 10.9.0.1 and fd09::1.
fn with_stack<F: Future<Output = ()>>(body: impl FnOnce(Stack) -> F + Send) {
    synack_netns::test(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let tun = tokio_tun::Tun::builder().name("syn0").mtu(1_500).build().unwrap().remove(0);
            let device = TunDevice::new(tun).unwrap();
            assert_eq!(device.name(), "syn0");
            let interface = Interface::named("syn0").unwrap();
            interface.set_up().unwrap();
            interface.add_address("10.9.0.1/24".parse().unwrap()).unwrap();
            interface.add_address("fd09::1/64".parse().unwrap()).unwrap();
            let stack = Stack::builder()
                .device(device)
                .address("10.9.0.2/24".parse().unwrap())
                .address("fd09::2/64".parse().unwrap())
                .spawn()
                .unwrap();
            let finished = tokio::time::timeout(Duration::from_secs(60), body(stack)).await;
            finished.expect("nothing here takes a minute");
        });
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
    with_stack(|stack| async move {
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
    });
}

#[test]
fn a_stack_connects_to_the_kernel_over_both_families() {
    with_stack(|stack| async move {
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
    with_stack(|stack| async move {
        let refused = stack.connect("10.9.0.1:9".parse().unwrap()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let refused = TcpStream::connect("10.9.0.2:9").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn resets_pass_both_ways() {
    with_stack(|stack| async move {
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
    with_stack(|stack| async move {
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
