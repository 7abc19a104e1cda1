//! The kernel and we agree on what the SYNs negotiated: window scale, SACK, timestamps. `ss` shows
//! what the kernel uses for a connection and is compared with our `info`, whoever opened it.

use std::net::SocketAddr;
use std::process::Command;

use synack::ConnectionInfo;
use synack_netns::set_sysctl;
use synack_stack::programs::are_installed;
use synack_stack::{Ends, Family, Link, with_kernel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the handshake of a connection agreed on, as one end sees it.
#[derive(PartialEq, Eq, Debug)]
struct Negotiated {
    /// The shift of the windows that the stack sends, and of those that the kernel sends.
    window_scale: Option<(u8, u8)>,
    sack: bool,
    timestamps: bool,
}

impl Negotiated {
    fn as_we_say(info: &ConnectionInfo) -> Self {
        Self { window_scale: info.window_scale, sack: info.sack, timestamps: info.timestamps }
    }

    /// What `ss` says of the kernel's socket at `local`.
    fn as_the_kernel_says(local: SocketAddr) -> Self {
        let mut ss = Command::new("ss");
        ss.args(["--no-header", "--oneline", "--numeric", "-tio", "src", &local.to_string()]);
        let output = ss.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.lines().count() == 1, "{local}: {text}{error}");
        let mut words = text.split_whitespace();
        // Shifts of the windows that come in and of those that go out, as the kernel sees it.
        let window_scale = words.clone().find_map(|word| word.strip_prefix("wscale:")).map(|it| {
            let (stack, kernel) = it.split_once(',').unwrap();
            (stack.parse().unwrap(), kernel.parse().unwrap())
        });
        Self {
            window_scale,
            sack: words.clone().any(|word| word == "sack"),
            timestamps: words.any(|word| word == "ts"),
        }
    }
}

/// What both ends say, if they agree, of a connection that the kernel opened, and of one of ours.
async fn agreed(link: &Link, family: Family) -> [Negotiated; 2] {
    let theirs = link.opened_by_the_kernel(family).await.unwrap();
    let ours = link.opened_by_us(family).await.unwrap();
    [agreed_by(theirs).await, agreed_by(ours).await]
}

async fn agreed_by(Ends { mut kernel, mut ours }: Ends) -> Negotiated {
    // An option that only one end believes in would spoil what is said.
    let mut heard = [0; 5];
    kernel.write_all(b"hello").await.unwrap();
    ours.read_exact(&mut heard).await.unwrap();
    ours.write_all(&heard).await.unwrap();
    kernel.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    let negotiated = Negotiated::as_we_say(&ours.info().unwrap());
    assert_eq!(Negotiated::as_the_kernel_says(kernel.local_addr().unwrap()), negotiated);
    negotiated
}

#[test]
fn ws_15_sack_2_ts_2_what_both_ends_offer_is_in_use() {
    if !are_installed(&["ss"]) {
        return;
    }
    with_kernel(1_500, |link| async move {
        // Buffers of the kernel's that take another shift than those of the stack.
        set_sysctl("net.ipv4.tcp_rmem", "4096 131072 33554432").unwrap();
        for family in Family::ALL {
            for all in agreed(&link, family).await {
                assert!(all.sack && all.timestamps, "{family:?}: {all:?}");
                // A shift of 0 on either side would hide which is whose, and who forgot it.
                let (stack, kernel) = all.window_scale.unwrap();
                assert!(stack > 0 && kernel > 0 && stack != kernel, "{family:?}: {all:?}");
            }
        }
    });
}

#[test]
fn ws_2_sack_2_ts_2_what_the_kernel_does_not_offer_is_not_in_use() {
    if !are_installed(&["ss"]) {
        return;
    }
    with_kernel(1_500, |link| async move {
        for absent in ["window_scaling", "sack", "timestamps"] {
            let setting = format!("net.ipv4.tcp_{absent}");
            set_sysctl(&setting, "0").unwrap();
            for family in Family::ALL {
                for rest in agreed(&link, family).await {
                    let in_use = [
                        ("window_scaling", rest.window_scale.is_some()),
                        ("sack", rest.sack),
                        ("timestamps", rest.timestamps),
                    ];
                    for (option, is_in_use) in in_use {
                        assert_eq!(
                            is_in_use,
                            option != absent,
                            "{family:?}, no {absent}: {rest:?}"
                        );
                    }
                }
            }
            set_sysctl(&setting, "1").unwrap();
        }
    });
}
