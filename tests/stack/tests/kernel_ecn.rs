//! The kernel and we agree on ECN, whoever asks for it, and each sees what the other may be marked.
//! The kernel's part is set by `net.ipv4.tcp_ecn`; `ss` shows what its sockets use.

use std::net::SocketAddr;
use std::process::Command;

use synack::{ConnectionConfig, EcnPolicy};
use synack_netns::set_sysctl;
use synack_stack::programs::are_installed;
use synack_stack::{Ends, Family, with_configured};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What `ss` says of the kernel's socket at `local`: whether it uses ECN, and whether packets came
/// that may be marked.
fn as_the_kernel_says(local: SocketAddr) -> (bool, bool) {
    let mut ss = Command::new("ss");
    ss.args(["--no-header", "--oneline", "--numeric", "-tie", "src", &local.to_string()]);
    let output = ss.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.lines().count() == 1, "{local}: {text}{error}");
    let says = |word: &str| text.split_whitespace().any(|it| it == word);
    (says("ecn"), says("ecnseen"))
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
