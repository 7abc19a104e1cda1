//! Whether a private network with a TUN device can be had, and if not, why.

use crate::child;
use crate::namespace::{on_new_thread, unshare_network};
use nix::errno::Errno;
use std::fmt;
use std::fs::File;
use std::io;

/// Checks that this process, or a child of it, can have a namespace with a TUN device.
///
/// Nothing is changed: the namespace is made in a thread or a child that ends at once.
///
/// # Errors
/// The first thing that is missing; its message is one line that says what to do.
pub fn availability() -> Result<(), Unavailable> {
    open_tun_device()?;
    // An ordinary user needs a user namespace around it, which only a new process can enter.
    on_new_thread(unshare_network).or_else(|_refused| child::probe())
}

/// Why there is no private network, or no TUN device in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unavailable {
    /// There is no `/dev/net/tun`, or no driver behind it.
    NoTunDevice,
    /// `/dev/net/tun` is there, and not open to this user.
    TunDeviceClosed,
    /// The kernel, or its settings, do not let this user have a user namespace.
    UserNamespacesDisabled,
    /// A call to the kernel failed.
    Failed {
        /// What was being done.
        step: Step,
        /// The error number of the operating system.
        os_error: i32,
    },
}

impl Unavailable {
    pub(crate) fn new(step: Step, errno: Errno) -> Self {
        // Refused by a setting or a security module; none left or none allowed; not in this kernel.
        let is_disabled =
            matches!(errno, Errno::EPERM | Errno::ENOSPC | Errno::EUSERS | Errno::EINVAL);
        match step {
            Step::UserNamespace if is_disabled => Self::UserNamespacesDisabled,
            Step::UserNamespace
            | Step::IdentityMap
            | Step::NetworkNamespace
            | Step::Loopback
            | Step::Start => Self::Failed { step, os_error: errno as i32 },
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTunDevice => f.write_str(
                "there is no /dev/net/tun: load the kernel's tun module, or give the container the \
                 device",
            ),
            Self::TunDeviceClosed => f.write_str(
                "/dev/net/tun is closed to this user: make it readable and writable, or run as \
                 root",
            ),
            Self::UserNamespacesDisabled => f.write_str(
                "user namespaces are disabled for this user: see the settings \
                 user.max_user_namespaces, kernel.unprivileged_userns_clone and \
                 kernel.apparmor_restrict_unprivileged_userns, or run as root",
            ),
            Self::Failed { step, os_error } => {
                write!(f, "cannot {step}: {}", io::Error::from_raw_os_error(*os_error))
            }
        }
    }
}

impl std::error::Error for Unavailable {}

impl From<Unavailable> for io::Error {
    fn from(reason: Unavailable) -> Self {
        let kind = match &reason {
            Unavailable::NoTunDevice => io::ErrorKind::NotFound,
            Unavailable::TunDeviceClosed | Unavailable::UserNamespacesDisabled => {
                io::ErrorKind::PermissionDenied
            }
            Unavailable::Failed { os_error, .. } => Self::from_raw_os_error(*os_error).kind(),
        };
        Self::new(kind, reason)
    }
}

/// A step on the way into a private network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Making a user namespace.
    UserNamespace,
    /// Mapping the user to root within it.
    IdentityMap,
    /// Making a network namespace.
    NetworkNamespace,
    /// Setting the loopback device up.
    Loopback,
    /// Starting the program again inside.
    Start,
}

impl Step {
    /// All steps, for the way from a child to its parent as a number.
    pub(crate) const ALL: [Self; 5] = [
        Self::UserNamespace,
        Self::IdentityMap,
        Self::NetworkNamespace,
        Self::Loopback,
        Self::Start,
    ];
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNamespace => "make a user namespace",
            Self::IdentityMap => "map the user into the user namespace",
            Self::NetworkNamespace => "make a network namespace",
            Self::Loopback => "set the loopback device up",
            Self::Start => "start this program again inside the namespace",
        })
    }
}

/// Opens the TUN device and closes it again: without a request to it, that makes no interface.
fn open_tun_device() -> Result<(), Unavailable> {
    match File::options().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(Unavailable::TunDeviceClosed)
        }
        // Also a device file without a driver, which is ENODEV or ENXIO.
        Err(_) => Err(Unavailable::NoTunDevice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_user_namespace_names_the_settings_to_look_at() {
        for errno in [Errno::EPERM, Errno::ENOSPC, Errno::EINVAL] {
            let reason = Unavailable::new(Step::UserNamespace, errno);
            assert_eq!(reason, Unavailable::UserNamespacesDisabled);
            assert!(reason.to_string().contains("user.max_user_namespaces"));
        }
    }

    #[test]
    fn every_reason_is_one_line() {
        let mut reasons = vec![
            Unavailable::NoTunDevice,
            Unavailable::TunDeviceClosed,
            Unavailable::UserNamespacesDisabled,
        ];
        reasons.extend(Step::ALL.map(|step| Unavailable::new(step, Errno::ENOMEM)));
        for reason in reasons {
            let text = reason.to_string();
            assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
        }
    }

    #[test]
    fn an_io_error_keeps_kind_and_reason() {
        let error = io::Error::from(Unavailable::new(Step::NetworkNamespace, Errno::EPERM));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().starts_with("cannot make a network namespace: "));
    }
}
