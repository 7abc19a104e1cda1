//! The settings of a host, by name: what a kernel's administrator sets with `sysctl`.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use synack_tcb::congestion::{Bbr, CongestionFactory, Cubic, NewReno};
use synack_tcb::{BufferSize, ConnectionConfig, EcnPolicy, EndpointConfig, KeepAlive, SynCookies};

/// What new sockets of a host begin with.
///
/// Names are those of Linux, with or without `net.ipv4.`, and a few of our own for what Linux has
/// no setting for.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) connection: ConnectionConfig,
    pub(crate) endpoint: EndpointConfig,
    pub(crate) keep_alive: KeepAlive,
    /// What the congestion controller of `connection` is called.
    pub(crate) congestion: String,
    pub(crate) syn_cookies: SynCookies,
    pub(crate) syn_ack_retries_max: u8,
    /// How many segments are handed to the device at once, at least (`tcp_min_tso_segs`).
    pub(crate) burst_min: u32,
}

/// Why a setting was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingError {
    /// No setting has this name.
    Unknown,
    /// The value means nothing for it.
    Value,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no setting has this name",
            Self::Value => "the value means nothing for this setting",
        })
    }
}

impl core::error::Error for SettingError {}

/// The settings that Linux has by default, as far as its TCP and ours have the same ones.
impl Default for Settings {
    fn default() -> Self {
        let mut settings = Self {
            connection: ConnectionConfig::default(),
            endpoint: EndpointConfig::default(),
            keep_alive: KeepAlive::default(),
            congestion: "cubic".to_owned(),
            syn_cookies: SynCookies::WhenFull,
            syn_ack_retries_max: 5,
            burst_min: 2,
        };
        for (name, value) in
            [("tcp_rmem", "4096 131072 6291456"), ("tcp_wmem", "4096 16384 4194304")]
        {
            settings.set(name, value).expect("these values are three numbers");
        }
        settings
    }
}

impl Settings {
    /// The settings that published scripts were written for: buffers that give a window scale of 8,
    /// and no ECN.
    pub fn scripted() -> Self {
        let mut settings = Self::default();
        for (name, value) in [
            ("tcp_rmem", "4096 540000 15728640"),
            ("tcp_wmem", "4096 262144 4194304"),
            ("tcp_ecn", "0"),
        ] {
            settings.set(name, value).expect("the constants are settings");
        }
        settings
    }

    /// Sets one value.
    ///
    /// # Errors
    /// [`SettingError`] says which is wrong, the name or the value; nothing is changed then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let name = name.trim().replace('/', ".");
        let name = name.strip_prefix("net.ipv4.").unwrap_or(&name);
        let value = value.trim();
        if self.set_switch(name, value)? || self.set_time(name, value)? {
            return Ok(());
        }
        let connection = &mut self.connection;
        match name {
            "tcp_rmem" => {
                let (initial, max) = sizes(value)?;
                // Half is what Linux offers of it before it knows how well packets are filled.
                connection.receive_buffer = BufferSize::Auto { initial: initial / 2, max };
            }
            "tcp_wmem" => {
                let (initial, max) = sizes(value)?;
                connection.send_buffer = BufferSize::Auto { initial, max };
            }
            "tcp_ecn" => {
                (connection.ecn, connection.accurate_ecn) = ecn(value)?;
            }
            "tcp_congestion_control" => {
                connection.congestion = congestion(value).ok_or(SettingError::Value)?;
                value.clone_into(&mut self.congestion);
            }
            "tcp_syncookies" => {
                self.syn_cookies = match value {
                    "0" => SynCookies::Never,
                    "1" => SynCookies::WhenFull,
                    "2" => SynCookies::Always,
                    _ => return Err(SettingError::Value),
                };
            }
            "tcp_synack_retries" => self.syn_ack_retries_max = number(value)?,
            "tcp_min_tso_segs" => self.burst_min = number(value)?,
            "tcp_keepalive_probes" => self.keep_alive.probes_max = number(value)?,
            "quick_acks" => connection.quick_acks = number(value)?,
            "tcp_max_tw_buckets" => self.endpoint.time_wait_max = number(value)?,
            // SYNs always back off here; RFC 1337 is kept unless told otherwise.
            "tcp_syn_linear_timeouts" if value == "0" => {}
            "tcp_rfc1337" => self.endpoint.reset_ends_time_wait = number::<u8>(value)? == 0,
            "tcp_syn_linear_timeouts" => return Err(SettingError::Value),
            _ => return Err(SettingError::Unknown),
        }
        Ok(())
    }

    fn set_switch(&mut self, name: &str, value: &str) -> Result<bool, SettingError> {
        let place = match name {
            "tcp_timestamps" => &mut self.connection.timestamps,
            "tcp_sack" => &mut self.connection.sack,
            "tcp_window_scaling" => &mut self.connection.window_scaling,
            "pacing" => &mut self.connection.pacing,
            _ => return Ok(false),
        };
        *place = number::<u8>(value)? != 0;
        Ok(true)
    }

    fn set_time(&mut self, name: &str, value: &str) -> Result<bool, SettingError> {
        let connection = &mut self.connection;
        let (place, unit) = match name {
            "tcp_fin_timeout" => (&mut connection.fin_wait_2_timeout, Duration::from_secs(1)),
            "tcp_keepalive_time" => (&mut self.keep_alive.idle, Duration::from_secs(1)),
            "tcp_keepalive_intvl" => (&mut self.keep_alive.interval, Duration::from_secs(1)),
            "tcp_rto_min_us" => (&mut connection.rto_min, Duration::from_micros(1)),
            "tcp_rto_max_ms" => (&mut connection.rto_max, Duration::from_millis(1)),
            "ack_delay_ms" => (&mut connection.ack_delay, Duration::from_millis(1)),
            "msl_ms" => (&mut self.endpoint.msl, Duration::from_millis(1)),
            _ => return Ok(false),
        };
        *place = unit * number::<u32>(value)?;
        Ok(true)
    }
}

/// The controller of this name, if there is one.
pub(crate) fn congestion(name: &str) -> Option<Arc<dyn CongestionFactory>> {
    Some(match name {
        "cubic" => Arc::new(Cubic::FACTORY),
        "reno" => Arc::new(NewReno::FACTORY),
        "bbr" => Arc::new(Bbr::FACTORY),
        _ => return None,
    })
}

/// As Linux numbers it: off, ask, answer, and the same with accurate ECN.
fn ecn(value: &str) -> Result<(EcnPolicy, bool), SettingError> {
    Ok(match value {
        "0" => (EcnPolicy::Off, false),
        "1" => (EcnPolicy::Ask, false),
        "2" => (EcnPolicy::WhenAsked, false),
        "3" => (EcnPolicy::Ask, true),
        "5" => (EcnPolicy::WhenAsked, true),
        _ => return Err(SettingError::Value),
    })
}

/// The second and third of "minimum default maximum".
fn sizes(value: &str) -> Result<(usize, usize), SettingError> {
    let mut numbers = value.split_whitespace().map(number::<usize>);
    let mut next = || numbers.next().unwrap_or(Err(SettingError::Value));
    let _least = next()?;
    Ok((next()?, next()?))
}

fn number<T: core::str::FromStr>(value: &str) -> Result<T, SettingError> {
    value.parse().map_err(|_| SettingError::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_found_with_and_without_its_prefix() {
        let mut settings = Settings::default();
        for name in ["tcp_timestamps", "net.ipv4.tcp_timestamps", "net/ipv4/tcp_timestamps"] {
            settings.connection.timestamps = true;
            assert_eq!(settings.set(name, "0"), Ok(()));
            assert!(!settings.connection.timestamps, "{name}");
        }
    }

    #[test]
    fn what_is_unknown_or_means_nothing_changes_nothing() {
        let mut settings = Settings::default();
        let before = format!("{settings:?}");
        for (name, value, error) in [
            ("tcp_telepathy", "1", SettingError::Unknown),
            ("tcp_rmem", "1 2", SettingError::Value),
            ("tcp_sack", "yes", SettingError::Value),
            ("tcp_ecn", "9", SettingError::Value),
        ] {
            assert_eq!(settings.set(name, value), Err(error));
        }
        assert_eq!(format!("{settings:?}"), before);
    }
}
