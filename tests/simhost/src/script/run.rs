//! Running a script: events in their order, on a host in virtual time.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use super::Variant;
use super::call::Call;
use super::error::ScriptError;
use super::event::{Event, What, When};
use super::live::{Departed, Live};
use super::packet::PacketLine;
use crate::calls::{ReadFlags, Shutdown, WriteFlags};
use crate::errno::Fault;
use crate::host::Host;
use crate::settings::Settings;
use crate::socket::{Descriptor, Domain};

/// Runs the events.
pub(super) fn run(events: &[Event], variant: Variant) -> Result<(), ScriptError> {
    let mut stage = Stage::new(variant);
    let mut last = 0;
    for event in events {
        last = event.line;
        stage.play(event).map_err(|message| ScriptError::new(event.line, message))?;
    }
    stage.finish().map_err(|message| ScriptError::new(last, message))
}

/// A script under way.
struct Stage {
    host: Host,
    live: Live,
    domain: Domain,
    start_us: u64,
    /// The script's descriptors, and the host's.
    descriptors: BTreeMap<i32, Descriptor>,
    /// The descriptor that assertions are about: of the last connection.
    connection: Option<Descriptor>,
    /// The call that waits, if one does.
    waiting: Option<Waiting>,
}

/// A call that has to wait, and when it must be over.
struct Waiting {
    call: Call,
    line: usize,
    ends_us: u64,
    /// Of a write: what was taken.
    taken: usize,
}

impl Stage {
    fn new(variant: Variant) -> Self {
        let addresses: (&str, &str, u32, Domain) = match variant {
            Variant::V4 => ("192.168.0.1/16", "192.0.2.1", 1_500, Domain::V4),
            Variant::Mapped => ("192.168.0.1/16", "192.0.2.1", 1_500, Domain::V6),
            Variant::V6 => ("fd3d:a0b:17d6::1/48", "fd3d:fa7b:d17d::1", 1_520, Domain::V6),
        };
        let (local, remote, mtu, domain) = addresses;
        let local: ipnet::IpNet = local.parse().expect("the constant is an address");
        let remote = remote.parse().expect("the constant is an address");
        let host = Host::new(&[local], mtu, Settings::scripted());
        Self {
            start_us: host.now(),
            host,
            live: Live::new(
                SocketAddr::new(local.addr(), LOCAL_PORT),
                SocketAddr::new(remote, REMOTE_PORT),
            ),
            domain,
            descriptors: BTreeMap::new(),
            connection: None,
            waiting: None,
        }
    }

    fn play(&mut self, event: &Event) -> Result<(), String> {
        let base_us = self.host.now();
        let (from_us, to_us) = match event.when {
            When::At(at) => (self.start_us + at, self.start_us + at),
            When::After(after) => (base_us + after, base_us + after),
            When::Between(from, to) => (base_us + from, base_us + to),
            When::Blocking { begins, ends: _ } => (base_us + begins, base_us + begins),
            When::Any => (base_us, base_us + ANY_TIME_US),
        };
        if let What::Leaves(line) = &event.what {
            return self.leaves(line, from_us, to_us);
        }
        self.pass_to(from_us)?;
        match &event.what {
            What::Arrives(line) => {
                let packet = self.live.build(line)?;
                self.host.inject(packet);
                self.retry()
            }
            What::ArrivesIcmp(line) => {
                let packet = self.live.build_icmp(line)?;
                self.host.inject(packet);
                self.retry()
            }
            What::Call(call) => self.begin(event, call, from_us),
            What::Settings(settings) => settings.iter().try_for_each(|(name, value)| {
                let set = self.host.settings_mut().set(name, value);
                set.map_err(|error| format!("{name}: {error}"))
            }),
            What::Asserts(assertions) => {
                let fd = self.connection.ok_or("there is no connection to tell of")?;
                let info = self.host.option(fd, libc::IPPROTO_TCP, libc::TCP_INFO);
                let info = info.map_err(|fault| fault.to_string())?;
                assertions.iter().try_for_each(|assertion| assertion.check(&info))
            }
            What::Leaves(_) => Ok(()),
        }
    }

    /// After the last event, nothing waits, and nothing left that no line tells of.
    fn finish(&mut self) -> Result<(), String> {
        if let Some(waiting) = &self.waiting {
            return Err(format!("{} of line {} still waits", waiting.call.name, waiting.line));
        }
        match self.host.next_egress(self.host.now()) {
            Some(sent) => {
                let sent = Departed::read(sent.at_us, sent.octets)?;
                Err(format!("the script does not tell of {}", sent.packet))
            }
            None => Ok(()),
        }
    }

    /// Time passes; a call that waits is made again whenever something happened.
    fn pass_to(&mut self, at_us: u64) -> Result<(), String> {
        while self.waiting.is_some() {
            let Some(next_us) = self.host.next_deadline().filter(|next| *next <= at_us) else {
                break;
            };
            self.host.advance_to(next_us);
            self.retry()?;
        }
        self.host.advance_to(at_us);
        Ok(())
    }

    /// A packet must leave between two moments, or several that make up its length.
    fn leaves(&mut self, line: &PacketLine, from_us: u64, to_us: u64) -> Result<(), String> {
        let mut sent = Vec::new();
        let mut len = 0;
        while sent.is_empty() || len < line.len {
            let Some(next) = self.host.next_egress(to_us + PATIENCE_US) else {
                return Err("nothing left".to_owned());
            };
            let next = Departed::read(next.at_us, next.octets)?;
            len += next.packet.segment.payload.len();
            if self.live.remote.port() != next.packet.destination.port() {
                return Err(format!("it is for somebody else: {}", next.packet));
            }
            self.live.local.set_port(next.packet.source.port());
            sent.push(next);
            self.retry()?;
        }
        let told = || sent.iter().map(|it| it.packet.to_string()).collect::<Vec<_>>().join(" and ");
        let at_us = sent.first().map_or(0, |first| first.at_us);
        if at_us + TOLERANCE_US < from_us || at_us > to_us + TOLERANCE_US {
            let seconds = |us: u64| us.saturating_sub(self.start_us) as f64 / 1e6;
            let (at, from, to) = (seconds(at_us), seconds(from_us), seconds(to_us));
            return Err(format!("wanted from {from:.3} to {to:.3} s, left at {at:.3}: {}", told()));
        }
        self.live.check(line, &sent).map_err(|message| format!("{message}; left: {}", told()))
    }

    /// A call is made. One that may wait is made again until it is over.
    fn begin(&mut self, event: &Event, call: &Call, from_us: u64) -> Result<(), String> {
        if self.waiting.is_some() {
            return Err("a call waits already".to_owned());
        }
        let ends_us = match event.when {
            When::Blocking { begins, ends } => Some((from_us - begins) + ends),
            When::At(_) | When::After(_) | When::Between(..) | When::Any => None,
        };
        let waiting = Waiting {
            call: call.clone(),
            line: event.line,
            ends_us: ends_us.unwrap_or(from_us),
            taken: 0,
        };
        self.waiting = Some(waiting);
        self.retry()?;
        if ends_us.is_none() && self.waiting.is_some() {
            return Err("it waits, and the script says that it does not".to_owned());
        }
        Ok(())
    }

    /// Makes the call that waits again.
    fn retry(&mut self) -> Result<(), String> {
        let Some(mut waiting) = self.waiting.take() else { return Ok(()) };
        let result = match self.call(&waiting.call, &mut waiting.taken)? {
            Ok(value) => Ok(value),
            Err(Fault::Errno(errno)) => Err(errno),
            Err(Fault::WouldBlock) => {
                self.waiting = Some(waiting);
                return Ok(());
            }
        };
        let Waiting { call, line, ends_us, .. } = waiting;
        if result != call.result {
            let wanted = call.result;
            return Err(format!("{} of line {line}: wanted {wanted:?}, was {result:?}", call.name));
        }
        let now_us = self.host.now();
        if now_us.abs_diff(ends_us) > TOLERANCE_US {
            let late = (now_us as f64 - ends_us as f64) / 1e6;
            return Err(format!("{} of line {line} ended {late:+.3} s late", call.name));
        }
        Ok(())
    }

    /// The host's descriptor for the script's.
    fn fd(&self, call: &Call) -> Result<Descriptor, String> {
        let fd = call.number(0)?;
        self.descriptors.get(&fd).copied().ok_or_else(|| format!("descriptor {fd} is not open"))
    }

    /// The call itself. The outer error is about the script.
    fn call(&mut self, call: &Call, taken: &mut usize) -> Result<Result<i64, Fault>, String> {
        if call.name == "socket" {
            return Ok(Ok(self.socket(call)));
        }
        let fd = self.fd(call)?;
        let host = &mut self.host;
        let done = |result: Result<(), Fault>| result.map(|()| 0);
        Ok(match call.name.as_str() {
            "bind" => done(host.bind(fd, self.live.local)),
            "listen" => done(host.listen(fd, call.number(1)?)),
            "accept" => return self.accept(call, fd),
            "connect" => {
                self.connection = Some(fd);
                let remote = self.live.remote;
                done(host.connect(fd, remote))
            }
            "read" | "recv" => {
                let flags = if call.name == "recv" { call.number(3)? } else { 0 };
                let len = usize::try_from(call.number(2)?).unwrap_or(0);
                let read = host.read(fd, len, ReadFlags::from_bits(flags));
                read.map(|octets| octets.len() as i64)
            }
            "write" | "send" => {
                let flags = if call.name == "send" { call.number(3)? } else { 0 };
                let len = usize::try_from(call.number(2)?).unwrap_or(0);
                write(host, fd, len, WriteFlags::from_bits(flags), taken)
            }
            "close" => {
                self.descriptors.retain(|_, open| *open != fd);
                done(host.close(fd))
            }
            "shutdown" => done(host.shutdown(fd, how(call.number(1)?)?)),
            "fcntl" => {
                let argument = if call.arguments.len() > 2 { call.number(2)? } else { 0 };
                host.control(fd, call.number(1)?, argument).map(i64::from)
            }
            "setsockopt" => {
                let value: Vec<u8> =
                    call.value(3)?.iter().flat_map(|number| number.to_ne_bytes()).collect();
                done(host.set_option(fd, call.number(1)?, call.number(2)?, &value))
            }
            "getsockopt" => return get_option(host, fd, call),
            name => return Err(format!("`{name}` is not known here")),
        })
    }

    fn socket(&mut self, call: &Call) -> i64 {
        let fd = self.host.socket(self.domain);
        let scripted = call.result.unwrap_or(3);
        self.descriptors.insert(scripted as i32, fd);
        scripted
    }

    fn accept(&mut self, call: &Call, fd: Descriptor) -> Result<Result<i64, Fault>, String> {
        let (accepted, from) = match self.host.accept(fd) {
            Ok(accepted) => accepted,
            Err(fault) => return Ok(Err(fault)),
        };
        let remote = self.domain.shown(self.live.remote);
        if from != remote {
            return Err(format!("it was {from} who called, not {remote}"));
        }
        let scripted = call.result.unwrap_or(-1);
        self.descriptors.insert(scripted as i32, accepted);
        self.connection = Some(accepted);
        Ok(Ok(scripted))
    }
}

/// A write that waits goes on where it was.
fn write(
    host: &mut Host,
    fd: Descriptor,
    len: usize,
    flags: WriteFlags,
    taken: &mut usize,
) -> Result<i64, Fault> {
    loop {
        match host.write(fd, &vec![0; len - *taken], flags) {
            Ok(count) => *taken += count,
            Err(Fault::Errno(_)) if *taken > 0 => return Ok(*taken as i64),
            Err(fault) => return Err(fault),
        }
        if *taken >= len {
            return Ok(*taken as i64);
        }
    }
}

fn get_option(host: &mut Host, fd: Descriptor, call: &Call) -> Result<Result<i64, Fault>, String> {
    let value = match host.option(fd, call.number(1)?, call.number(2)?) {
        Ok(value) => value,
        Err(fault) => return Ok(Err(fault)),
    };
    let numbers =
        value.chunks_exact(4).map(|four| i32::from_ne_bytes([four[0], four[1], four[2], four[3]]));
    let (was, wanted): (Vec<i32>, Vec<i32>) = (numbers.collect(), call.value(3)?);
    if was != wanted {
        return Err(format!("the option is {was:?}, not {wanted:?}"));
    }
    Ok(Ok(0))
}

fn how(number: i32) -> Result<Shutdown, String> {
    match number {
        libc::SHUT_RD => Ok(Shutdown::Read),
        libc::SHUT_WR => Ok(Shutdown::Write),
        libc::SHUT_RDWR => Ok(Shutdown::Both),
        _ => Err("shutdown of what?".to_owned()),
    }
}

/// As packetdrill binds sockets that listen.
const LOCAL_PORT: u16 = 8_080;
/// Where the script's packets come from.
const REMOTE_PORT: u16 = 40_000;
/// How far a time may be off, as in packetdrill. Units: microseconds.
const TOLERANCE_US: u64 = 4_000;
/// How long after its time a packet is waited for, so that a late one is told. Units: microseconds.
const PATIENCE_US: u64 = 600_000_000;
/// What "at any time" means. Units: microseconds.
const ANY_TIME_US: u64 = 10_000_000_000;
