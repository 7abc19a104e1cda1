//! Settings of the network, as under `/proc/sys/net`.

use crate::private;
use std::io;

/// Sets a setting of the calling thread's private network, such as `net.ipv4.tcp_sack` to `0`.
///
/// Names begin with `net.`; with slashes instead of dots where an interface's name has a dot.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] outside of a private network and for settings of the whole
/// machine; [`io::ErrorKind::InvalidInput`] for other names, and for values that the kernel
/// refuses; [`io::ErrorKind::NotFound`] for a setting that is not there.
pub fn set_sysctl(name: &str, value: &str) -> io::Result<()> {
    private::require()?;
    std::fs::write(path(name)?, value)
}

/// The file of a setting, which must lie under `/proc/sys/net`: the rest belongs to all.
fn path(name: &str) -> io::Result<String> {
    let path = if name.contains('/') { name.to_owned() } else { name.replace('.', "/") };
    let is_inside = path.starts_with("net/") && !path.split('/').any(|part| part == "..");
    if !is_inside {
        let reason = format!("not a setting of a network: {name:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    Ok(format!("/proc/sys/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_name_the_same_file() {
        for name in ["net.ipv4.tcp_sack", "net/ipv4/tcp_sack"] {
            assert_eq!(path(name).unwrap(), "/proc/sys/net/ipv4/tcp_sack");
        }
        assert_eq!(path("net/ipv4/conf/a.1/mtu").unwrap(), "/proc/sys/net/ipv4/conf/a.1/mtu");
    }

    #[test]
    fn settings_of_the_machine_are_refused() {
        for name in ["kernel.pid_max", "net/../kernel/pid_max", "/etc/passwd", "network.x", ""] {
            assert_eq!(path(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }
}
