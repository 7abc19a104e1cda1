//! The kernel and we agree on ECN, whoever asks for it, and each sees what the other may be marked.
//! The kernel's part is set by `net.ipv4.tcp_ecn`; `ss` shows what its sockets use.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use synack::{ConnectionConfig, EcnPolicy, ImpairedDevice, TunDevice};
use synack_netem::{Bottleneck, Capacity, EcnUse, LinkConfig, Rate};
use synack_netns::set_sysctl;
use synack_stack::programs::are_installed;
use synack_stack::{Ends, Family, with_configured, with_device};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What `ss` says of the kernel's socket at `local`: whether it uses ECN, and whether packets came
/// that may be marked.
fn as_the_kernel_says(local: SocketAddr) -> (bool, bool) {
    let text = ss(local);
    let says = |word: &str| text.split_whitespace().any(|it| it == word);
    (says("ecn"), says("ecnseen"))
}

fn ss(local: SocketAddr) -> String {
    let mut ss = Command::new("ss");
    ss.args(["--no-header", "--oneline", "--numeric", "-tie", "src", &local.to_string()]);
    let output = ss.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.lines().count() == 1, "{local}: {text}{error}");
    text.into_owned()
}

/// Whether ECN is in use, as both ends agree, after some text each way.
async fn agreed_by(Ends { mut kernel, mut ours }: Ends) -> bool {
    let mut heard = [0; 5];
    kernel.write_all(b"hello").await.unwrap();
    ours.read_exact(&mut heard).await.unwrap();
    ours.write_all(&heard).await.unwrap();
    kernel.read_exact(&mut heard).await.unwrap();
    let is_used = ours.info().unwrap().ecn;
    assert_eq!(as_the_kernel_says(kernel.local_addr().unwrap()), (is_used, is_used));
    is_used
}

/// With the kernel's setting: whether ECN is in use when it opens, and when we do.
fn is_in_use(policy: EcnPolicy, expected: &[(&str, bool, bool)]) {
    if !are_installed(&["ss"]) {
        return;
    }
    let config = ConnectionConfig { ecn: policy, ..ConnectionConfig::default() };
    let configure = |builder: synack::StackBuilder| builder.connection_config(config);
    with_configured(1_500, configure, |link| async move {
        for (setting, theirs, ours) in expected {
            set_sysctl("net.ipv4.tcp_ecn", setting).unwrap();
            for family in Family::ALL {
                let ends = link.opened_by_the_kernel(family).await.unwrap();
                assert_eq!(agreed_by(ends).await, *theirs, "{setting}, opened by the kernel");
                let ends = link.opened_by_us(family).await.unwrap();
                assert_eq!(agreed_by(ends).await, *ours, "{setting}, opened by us");
            }
        }
    });
}

#[test]
fn dec_14_by_default_ecn_is_used_if_the_kernel_asks() {
    is_in_use(
        ConnectionConfig::default().ecn,
        &[("0", false, false), ("1", true, false), ("2", false, false)],
    );
}

#[test]
fn ecn_1_ecn_19_the_kernel_agrees_if_we_ask() {
    is_in_use(EcnPolicy::Ask, &[("0", false, false), ("1", true, true), ("2", false, true)]);
}

#[test]
fn ecn_19_switched_off_it_is_not_used() {
    is_in_use(EcnPolicy::Off, &[("1", false, false)]);
}

/// Octets sent each way.
const LEN: usize = 4 << 20;

/// Text both ways over a connection; nothing marks it, so nothing may count a mark. Returns whether
/// it is accurate ECN.
async fn is_accurate(Ends { mut kernel, mut ours }: Ends) -> bool {
    let (text, mut heard) = (vec![7; LEN], vec![0; LEN]);
    tokio::try_join!(kernel.write_all(&text), ours.read_exact(&mut heard)).unwrap();
    tokio::try_join!(ours.write_all(&text), kernel.read_exact(&mut heard)).unwrap();
    assert!(as_the_kernel_says(kernel.local_addr().unwrap()).0, "in use");
    let info = ours.info().unwrap();
    let counters = info.counters;
    assert_eq!((counters.marks_in, counters.marks_out, counters.mark_reductions), (0, 0, 0));
    info.accurate_ecn
}

#[test]
fn accecn_1_accecn_2_accecn_13_the_kernel_and_we_count_for_each_other() {
    if !are_installed(&["ss"]) {
        return;
    }
    let (ecn, accurate_ecn) = (EcnPolicy::Ask, true);
    let config = ConnectionConfig { ecn, accurate_ecn, ..ConnectionConfig::default() };
    let configure = |builder: synack::StackBuilder| builder.connection_config(config);
    with_configured(1_500, configure, |link| async move {
        // Of kernels before 6.18 this is an unknown value.
        if set_sysctl("net.ipv4.tcp_ecn", "3").is_err() {
            eprintln!("this kernel has no accurate ECN");
            return;
        }
        for family in Family::ALL {
            let theirs = link.opened_by_the_kernel(family).await.unwrap();
            assert!(is_accurate(theirs).await, "{family:?}, opened by the kernel");
            let ours = link.opened_by_us(family).await.unwrap();
            assert!(is_accurate(ours).await, "{family:?}, opened by us");
        }
        // A kernel that knows only the classic kind takes that.
        set_sysctl("net.ipv4.tcp_ecn", "1").unwrap();
        for family in Family::ALL {
            let theirs = link.opened_by_the_kernel(family).await.unwrap();
            assert!(!is_accurate(theirs).await, "{family:?}, opened by the kernel");
            let ours = link.opened_by_us(family).await.unwrap();
            assert!(!is_accurate(ours).await, "{family:?}, opened by us");
        }
    });
}

/// Text to the kernel, and from it, over a slow line whose queue CoDel governs in both directions:
/// each end tells the other of marks, and slows down for those that it is told of.
fn each_tells_the_other_of_marks(tcp_ecn: &str, accurate_ecn: bool) {
    if !are_installed(&["ss"]) {
        return;
    }
    let queue = Bottleneck::codel(Rate::mbit(100), Capacity::packets(1_000), EcnUse::Mark);
    let delay = Duration::from_millis(5);
    let line = LinkConfig { delay, bottleneck: Some(queue), ..LinkConfig::default() };
    let open = |name: &str| {
        let device = TunDevice::open(name)?;
        Ok(ImpairedDevice::new(device, line.clone(), line, 1))
    };
    let config =
        ConnectionConfig { ecn: EcnPolicy::Ask, accurate_ecn, ..ConnectionConfig::default() };
    let configure = |builder: synack::StackBuilder| builder.connection_config(config);
    with_device(1_500, open, configure, |link| async move {
        if set_sysctl("net.ipv4.tcp_ecn", tcp_ecn).is_err() {
            eprintln!("this kernel has no accurate ECN");
            return;
        }
        for family in Family::ALL {
            let Ends { mut kernel, mut ours } = link.opened_by_us(family).await.unwrap();
            let (text, mut heard) = (vec![7; LEN], vec![0; LEN]);
            tokio::try_join!(ours.write_all(&text), kernel.read_exact(&mut heard)).unwrap();
            let sent = ours.info().unwrap();
            assert_eq!(sent.accurate_ecn, accurate_ecn);
            assert!(sent.counters.mark_reductions > 0, "{family:?}: the kernel told of marks");
            assert_eq!(sent.counters.marks_out > 0, accurate_ecn, "{family:?}");
            tokio::try_join!(kernel.write_all(&text), ours.read_exact(&mut heard)).unwrap();
            assert!(ours.info().unwrap().counters.marks_in > 0, "{family:?}");
            assert!(delivered_ce(&kernel) > 0, "{family:?}: we told of marks");
        }
    });
}

/// What `ss` says of the kernel's socket: how many of its segments it believes marked.
fn delivered_ce(kernel: &tokio::net::TcpStream) -> u32 {
    let text = ss(kernel.local_addr().unwrap());
    let count = text.split_whitespace().find_map(|word| word.strip_prefix("delivered_ce:"));
    count.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn ecn_9_ecn_12_ecn_13_the_kernel_and_we_slow_down_for_marks() {
    each_tells_the_other_of_marks("1", false);
}

#[test]
fn accecn_9_accecn_13_likewise_when_marks_are_counted() {
    each_tells_the_other_of_marks("3", true);
}
