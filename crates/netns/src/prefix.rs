//! Prefix: an address with the length of its network's prefix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An IPv4 or IPv6 address and how many of its leading bits name its network.
///
/// ```
/// use synack_netns::Prefix;
/// let prefix: Prefix = "10.0.0.1/24".parse()?;
/// assert_eq!(prefix.length(), 24);
/// assert_eq!("fd00::1".parse::<Prefix>()?.to_string(), "fd00::1/128"); // a host
/// # Ok::<(), synack_netns::ParsePrefixError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// `address` in a network of `length` bits; `None` if it has fewer bits than that.
    pub const fn new(address: IpAddr, length: u8) -> Option<Self> {
        if length > bits(address) {
            return None;
        }
        Some(Self { address, length })
    }

    /// The address.
    pub const fn address(self) -> IpAddr {
        self.address
    }

    /// The length of the prefix in bits: at most 32 for IPv4, 128 for IPv6.
    pub const fn length(self) -> u8 {
        self.length
    }
}

/// An address alone is that of a host: all its bits are prefix.
impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        Self { address, length: bits(address) }
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParsePrefixError(text.to_owned());
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(IpAddr::into).map_err(|_| error());
        };
        let address = address.parse().map_err(|_| error())?;
        let length = length.parse().map_err(|_| error())?;
        Self::new(address, length).ok_or_else(error)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A text that is no address with a prefix length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsePrefixError(String);

impl fmt::Display for ParsePrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an address with a prefix length, such as 10.0.0.1/24: {:?}", self.0)
    }
}

impl std::error::Error for ParsePrefixError {}

impl From<ParsePrefixError> for std::io::Error {
    fn from(error: ParsePrefixError) -> Self {
        Self::new(std::io::ErrorKind::InvalidInput, error)
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_was_parsed() {
        for text in ["10.0.0.1/24", "0.0.0.0/0", "10.0.0.1/32", "fd00::1/64", "::/0", "::1/128"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused_and_named() {
        for text in ["", "/", "10.0.0.1/33", "fd00::1/129", "10.0.0.1/", "10.0.0/24", "1/2/3"] {
            let error = text.parse::<Prefix>().unwrap_err();
            assert!(error.to_string().ends_with(&format!("{text:?}")));
        }
    }
}
