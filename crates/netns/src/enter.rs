//! Entering: a private network for the whole process.

use crate::child::{self, Exit};
use crate::namespace::{set_loopback_up, unshare_network};
use crate::{Step, Unavailable, private};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Moves this process into a private network; returns when it is in one.
///
/// Call it first thing in `main`. As root it takes a network namespace; an ordinary user gets a
/// user namespace around it, in which the user is root. A process with one thread enters where it
/// stands. One with several, as in a `main` under `#[tokio::main]`, cannot: it is started again
/// inside, with the same arguments, and what it did before this call is done again. As root the new
/// program takes the place of this one; otherwise it is a child, and this process ends with its
/// exit code.
///
/// A second call does nothing.
///
/// # Errors
/// Why it could not be done. The calling thread may then be in a network without a loopback device,
/// so the process should end; [`availability`](crate::availability) tells beforehand.
pub fn enter() -> Result<(), Unavailable> {
    if private::is_process_private().unwrap_or(false) {
        // A program that was started inside finds its loopback device down.
        return set_loopback_up();
    }
    if has_one_thread() {
        return enter_in_place();
    }
    let (program, arguments) = this_program().map_err(|error| failed_to_start(&error))?;
    let (variable, outside) = private::marker().map_err(|error| failed_to_start(&error))?;
    // The thread that executes a program is the only one to live on, so its network is that of the
    // new process. A user namespace is another matter: the kernel gives it to a lone thread only.
    if unshare_network().is_ok() {
        let error = Command::new(program).args(arguments).env(variable, outside).exec();
        return Err(failed_to_start(&error));
    }
    let child = child::start(&program, &arguments, child::Output::Shared)?;
    std::process::exit(match child.wait()? {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
    })
}

/// Moves the only thread of this process.
fn enter_in_place() -> Result<(), Unavailable> {
    // Root needs no user namespace, and keeps more rights without one.
    if unshare_network().is_err() {
        child::Identity::of_this_process().unshare()?;
    }
    private::mark_process();
    set_loopback_up()
}

/// The program being run, and its arguments.
fn this_program() -> io::Result<(OsString, Vec<OsString>)> {
    let program = std::env::current_exe()?.into_os_string();
    Ok((program, std::env::args_os().skip(1).collect()))
}

/// Whether this process has one thread. If that cannot be told, it has several.
fn has_one_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

fn failed_to_start(error: &io::Error) -> Unavailable {
    let os_error = error.raw_os_error().unwrap_or_default();
    Unavailable::Failed { step: Step::Start, os_error }
}
