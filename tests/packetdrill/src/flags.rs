//! The string of flags: addresses, MTU, settings, and a file with more of them.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use synack_simhost::{Host, SettingError, Settings};

/// What the flags say.
#[derive(Debug)]
pub(crate) struct Flags {
    addresses: Vec<IpNet>,
    mtu: u32,
    settings: Settings,
    /// Settings that scripts write while they run: lines of `name = value`.
    file: Option<PathBuf>,
}

impl Flags {
    /// Reads `name=value` pairs between commas.
    ///
    /// # Errors
    /// A sentence about the pair that means nothing.
    pub(crate) fn parse(flags: &str) -> Result<Self, String> {
        let mut parsed =
            Self { addresses: Vec::new(), mtu: 1_500, settings: Settings::scripted(), file: None };
        for pair in flags.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let complaint = |why: &str| format!("flag `{pair}`: {why}");
            let (name, value) = pair.split_once('=').ok_or_else(|| complaint("no `=` in it"))?;
            match name {
                "address" => {
                    let address = value.parse().map_err(|_| complaint("not address/length"))?;
                    parsed.addresses.push(address);
                }
                "mtu" => parsed.mtu = value.parse().map_err(|_| complaint("not a number"))?,
                "settings" => parsed.file = Some(PathBuf::from(value)),
                _ => {
                    let set = parsed.settings.set(name, value);
                    set.map_err(|error: SettingError| complaint(&error.to_string()))?;
                }
            }
        }
        Ok(parsed)
    }

    /// The host that the flags describe, and the file with settings for its sockets.
    pub(crate) fn into_host(self) -> (Host, Option<PathBuf>) {
        let Self { mut addresses, mtu, settings, file } = self;
        if addresses.is_empty() {
            addresses = DEFAULT_ADDRESSES
                .iter()
                .map(|address| address.parse().expect("the constants are addresses with a length"))
                .collect();
        }
        (Host::new(&addresses, mtu, settings), file)
    }
}

/// Takes over what a file says. What is no setting of ours is somebody else's: scripts set many.
pub(crate) fn read_settings(file: &Path, settings: &mut Settings) {
    let Ok(text) = std::fs::read_to_string(file) else { return };
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        if let Err(SettingError::Value) = settings.set(name, value) {
            eprintln!("synack: setting `{}`: `{}` means nothing", name.trim(), value.trim());
        }
    }
}

/// The addresses packetdrill gives to its device by default and in its suites.
const DEFAULT_ADDRESSES: [&str; 2] = ["192.168.0.1/16", "fd3d:a0b:17d6::1/48"];
