//! What is measured: a name, a command, and how the client reaches it.

use std::ffi::OsString;

use anyhow::{Context, bail};

/// A stack that can be started.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) link: Link,
    /// The name of the ceiling that it is compared with.
    pub(super) ceiling: Option<&'static str>,
    pub(super) program: OsString,
    /// What the program is told; `{buffer}` stands for octets that suit the test.
    pub(super) arguments: Vec<String>,
}

/// How the client reaches a stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// A TUN device, which the stack opens; it is told `--tun`, `--ip` and `--mtu`.
    Tun,
    /// A pair of virtual Ethernet devices into a namespace of its own.
    Veth,
    Loopback,
}

/// A stack of this program.
struct Row {
    name: &'static str,
    link: Link,
    ceiling: Option<&'static str>,
    arguments: &'static str,
}

/// The least TCP over plain TUN which does what a stack must: copy once, and verify checksums.
const PLAIN: Option<&str> = Some("null-copy");
/// The same with virtio-net headers.
const VNET: Option<&str> = Some("null-vnet-copy");

/// Every stack, in the order of the table.
const ROWS: &[Row] = &[
    Row { name: "null", link: Link::Tun, ceiling: PLAIN, arguments: "stack null" },
    Row {
        name: "null-copy",
        link: Link::Tun,
        ceiling: PLAIN,
        arguments: "stack null --copy --verify",
    },
    Row { name: "synack", link: Link::Tun, ceiling: PLAIN, arguments: "serve" },
    Row { name: "synack-1", link: Link::Tun, ceiling: PLAIN, arguments: "serve --workers one" },
    Row { name: "null-vnet", link: Link::Tun, ceiling: VNET, arguments: "stack null --vnet" },
    Row {
        name: "null-vnet-copy",
        link: Link::Tun,
        ceiling: VNET,
        arguments: "stack null --vnet --copy --verify",
    },
    Row { name: "synack-offload", link: Link::Tun, ceiling: VNET, arguments: "serve --offload" },
    Row {
        name: "synack-offload-1",
        link: Link::Tun,
        ceiling: VNET,
        arguments: "serve --offload --workers one",
    },
    #[cfg(feature = "peers")]
    Row {
        name: "smoltcp",
        link: Link::Tun,
        ceiling: PLAIN,
        arguments: "stack smoltcp --buffer {buffer}",
    },
    #[cfg(feature = "peers")]
    Row {
        name: "tokio-smoltcp",
        link: Link::Tun,
        ceiling: PLAIN,
        arguments: "stack tokio-smoltcp --buffer {buffer}",
    },
    #[cfg(feature = "peers")]
    Row {
        name: "tokio-smoltcp-1",
        link: Link::Tun,
        ceiling: PLAIN,
        arguments: "stack tokio-smoltcp --workers one --buffer {buffer}",
    },
    #[cfg(feature = "peers")]
    Row {
        name: "netstack-smoltcp",
        link: Link::Tun,
        ceiling: PLAIN,
        arguments: "stack netstack-smoltcp --buffer {buffer}",
    },
    #[cfg(feature = "peers")]
    Row { name: "ipstack", link: Link::Tun, ceiling: PLAIN, arguments: "stack ipstack" },
    #[cfg(feature = "peers")]
    Row {
        name: "ipstack-64k",
        link: Link::Tun,
        ceiling: PLAIN,
        arguments: "stack ipstack --buffer 65535",
    },
    Row { name: "kernel-veth", link: Link::Veth, ceiling: None, arguments: "stack kernel" },
    Row { name: "kernel-loopback", link: Link::Loopback, ceiling: None, arguments: "stack kernel" },
];

/// The stacks with these names, in the order of the table; all if none is named.
///
/// # Errors
/// When a name is not known, or this program cannot find itself.
pub(super) fn chosen(names: &[String]) -> anyhow::Result<Vec<Subject>> {
    if let Some(name) = names.iter().find(|name| ROWS.iter().all(|row| row.name != *name)) {
        let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        bail!("no stack is called {name}; there are {}", known.join(", "));
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let is_chosen = |row: &&Row| names.is_empty() || names.iter().any(|name| name == row.name);
    let subject = |row: &Row| Subject {
        name: row.name.to_owned(),
        link: row.link,
        ceiling: row.ceiling,
        program: program.clone().into(),
        arguments: row.arguments.split_whitespace().map(str::to_owned).collect(),
    };
    Ok(ROWS.iter().filter(is_chosen).map(subject).collect())
}

/// Reads `NAME=COMMAND`, for a stack that is another program.
pub(super) fn parse(text: &str) -> Result<Subject, String> {
    let (name, command) = text.split_once('=').ok_or("expected NAME=COMMAND")?;
    let mut words = command.split_whitespace();
    let program = words.next().ok_or("the command is empty")?;
    Ok(Subject {
        name: name.to_owned(),
        link: Link::Tun,
        ceiling: PLAIN,
        program: program.into(),
        arguments: words.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(subjects: &[Subject]) -> Vec<&str> {
        subjects.iter().map(|subject| subject.name.as_str()).collect()
    }

    #[test]
    fn stacks_are_chosen_by_name_in_the_order_of_the_table() {
        let chosen = chosen(&["kernel-veth".to_owned(), "null".to_owned()]).unwrap();
        assert_eq!(names(&chosen), ["null", "kernel-veth"]);
        assert!(super::chosen(&["nul".to_owned()]).is_err());
        assert_eq!(super::chosen(&[]).unwrap().len(), ROWS.len());
    }

    #[test]
    fn every_ceiling_is_a_row() {
        for ceiling in ROWS.iter().filter_map(|row| row.ceiling) {
            assert!(ROWS.iter().any(|row| row.name == ceiling), "{ceiling}");
        }
    }

    #[test]
    fn another_program_is_a_name_and_a_command() {
        let other = parse("before=./old serve --fast").unwrap();
        assert_eq!((other.name.as_str(), other.program.to_str()), ("before", Some("./old")));
        assert_eq!(other.arguments, ["serve", "--fast"]);
        assert!(parse("before").is_err());
        assert!(parse("before=").is_err());
    }
}
