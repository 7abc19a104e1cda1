//! What happens to hosts and links from outside: crashes, clocks, and the end of all faults.

use synack_netem::LinkConfig;

use super::Network;
use crate::Controller;
use crate::clock::HostClock;
use crate::conversation::Outcome;
use crate::host::HostId;
use crate::violation::Violation;

impl Network {
    /// Stops a host: it forgets everything, and nothing reaches it before
    /// [`restart`](Self::restart).
    pub fn crash(&mut self, host: HostId) {
        self.counts.crashes += 1;
        self.trace.say(self.time, host, format_args!("crashes"));
        for slot in &self.hosts[host.0].slots {
            let Some(application) = &slot.application else { continue };
            let side = &mut self.conversations[application.conversation.0].sides[application.side];
            side.outcome = side.outcome.or(Some(Outcome::Crashed));
        }
        self.hosts[host.0].crash();
    }

    /// Starts a host again, with its listeners and a new secret.
    ///
    /// # Errors
    /// If its endpoint refuses to listen.
    pub fn restart(&mut self, host: HostId) -> Result<(), Violation> {
        self.trace.say(self.time, host, format_args!("starts again"));
        self.hosts[host.0].restart()
    }

    /// Changes a host's clock.
    pub fn change_clock(&mut self, host: HostId, change: impl FnOnce(&mut HostClock)) {
        self.counts.clock_changes += 1;
        self.hosts[host.0].disturb_clock(change);
        let reads = self.hosts[host.0].now(self.time);
        self.trace.say(self.time, host, format_args!("has its clock at {reads:?}"));
    }

    /// Gives every connection of a host another congestion controller.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn set_congestion(
        &mut self,
        host: HostId,
        controller: Controller,
    ) -> Result<(), Violation> {
        self.counts.controller_changes += 1;
        self.trace.say(self.time, host, format_args!("is governed by {}", controller.name));
        self.configure_host(host, |config| config.congestion = controller.factory())
    }

    /// Gives every link a new configuration, and ends all other faults: from now on everything must
    /// come to an end.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn heal(&mut self, links: &[LinkConfig]) -> Result<(), Violation> {
        for (wire, config) in self.wires.iter_mut().zip(links) {
            wire.link.set_config(self.time, config.clone());
            wire.middlebox.heal();
        }
        for host in 0..self.hosts.len() {
            self.heal_host(HostId(host))?;
        }
        Ok(())
    }

    /// Lets applications rest no more.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn hurry(&mut self) -> Result<(), Violation> {
        (0..self.hosts.len()).try_for_each(|host| self.hurry_host(HostId(host)))
    }

    /// Lets every application abort that is not done yet.
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn abandon(&mut self) -> Result<(), Violation> {
        (0..self.hosts.len()).try_for_each(|host| self.abandon_host(HostId(host)))
    }
}
