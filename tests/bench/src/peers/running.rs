//! A stack that runs: started in its network, watched, and killed in the end.

use std::io;
use std::net::Ipv4Addr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::measure::Test;
use super::network::{self, Network};
use super::subject::{Link, Subject};
use super::{Setting, client, process};
use crate::clock;

/// A stack that was started, and is killed when this is dropped.
pub(super) struct Running {
    child: Child,
    address: Ipv4Addr,
}

impl Running {
    /// Starts a stack in the network of the calling thread.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn start(
        subject: &Subject,
        network: &Network,
        test: Test,
        setting: &Setting,
    ) -> anyhow::Result<Self> {
        let buffer = test.buffer_octets().to_string();
        let mut command = Command::new(&subject.program);
        command.args(subject.arguments.iter().map(|it| it.replace("{buffer}", &buffer)));
        if subject.link == Link::Tun {
            command.args(["--tun", network::TUN]);
            command.args(["--ip", &network.address().to_string()]);
            command.args(["--mtu", &test.mtu(setting).to_string()]);
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", subject.program.display()))?;
        Ok(Self { child, address: network.address() })
    }

    /// Waits, in the client's network, until the stack answers.
    ///
    /// # Errors
    /// When it ends, or does not answer for five seconds.
    pub(super) fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            clock::pause(START_PAUSE);
            if client::is_answered(self.address) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the stack ended: {status}");
            }
        }
        bail!("the stack does not answer");
    }

    /// Where it serves.
    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// CPU time that it has used, in seconds.
    pub(super) fn cpu_seconds(&self) -> io::Result<f64> {
        process::cpu_seconds(self.child.id())
    }

    /// Memory that it has in RAM, in KiB.
    pub(super) fn resident_kib(&self) -> io::Result<f64> {
        process::resident_kib(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const START_TIMEOUT: Duration = Duration::from_secs(5);
const START_PAUSE: Duration = Duration::from_millis(50);
