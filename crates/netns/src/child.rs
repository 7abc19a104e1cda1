//! Child: this program, or a probe, as a new process inside of a user and network namespace.
//!
//! The kernel lets only a process with one thread enter a user namespace, and a forked child has
//! one. Between the fork and the new program the child must not wait for a lock that another thread
//! of the parent held at that moment. So all it needs is made before, and it calls little but the
//! kernel.

use crate::{Step, Unavailable, private};
use fork::Fork;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout, execve, getegid, geteuid};
use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;

/// A program that runs inside.
pub(crate) struct Child {
    pid: Pid,
    output: Option<PipeReader>,
}

/// Where a child writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// To the parent's standard output and error.
    Shared,
    /// Both to a pipe, for [`Child::take_output`].
    Captured,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

/// Starts `program` inside of new namespaces.
pub(crate) fn start(
    program: &OsStr,
    arguments: &[OsString],
    output: Output,
) -> Result<Child, Unavailable> {
    let program = Program::new(program, arguments)?;
    let identity = Identity::of_this_process();
    let (reader, writer) = match output {
        Output::Shared => (None, None),
        Output::Captured => {
            let (reader, writer) = io::pipe().map_err(failed)?;
            (Some(reader), Some(writer))
        }
    };
    let pid = fork_and(|| {
        identity.unshare()?;
        program.replace_this_process(writer.as_ref())
    })?;
    Ok(Child { pid, output: reader })
}

/// Checks that a child gets into new namespaces.
pub(crate) fn probe() -> Result<(), Unavailable> {
    let identity = Identity::of_this_process();
    let pid = fork_and(|| {
        identity.unshare()?;
        // No failure and no program either: the parent reads nothing, and that is the answer.
        end_this_process()
    })?;
    wait_for(pid).map(|_killed| ())
}

impl Child {
    /// What the child has written, once it and all who share its output have ended.
    pub(crate) fn take_output(&mut self) -> String {
        let mut octets = Vec::new();
        if let Some(mut reader) = self.output.take() {
            // An error ends the output; what came before it is still worth showing.
            let _result = reader.read_to_end(&mut octets);
        }
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Waits for the child to end.
    pub(crate) fn wait(self) -> Result<Exit, Unavailable> {
        wait_for(self.pid)
    }
}

/// Who this process is outside, as the maps of a user namespace want it.
pub(crate) struct Identity {
    uid_map: String,
    gid_map: String,
}

impl Identity {
    pub(crate) fn of_this_process() -> Self {
        Self { uid_map: format!("0 {} 1", geteuid()), gid_map: format!("0 {} 1", getegid()) }
    }

    /// Moves this process, which must have one thread, into a new user namespace as its root, and
    /// into a new network namespace that belongs to it.
    pub(crate) fn unshare(&self) -> Result<(), Failure> {
        unshare(CloneFlags::CLONE_NEWUSER).map_err(at(Step::UserNamespace))?;
        // Dropping a group can give what the group is denied, so the right to do that is given up
        // before a group is mapped (user_namespaces(7)).
        write("/proc/self/setgroups", "deny").map_err(at(Step::IdentityMap))?;
        write("/proc/self/uid_map", &self.uid_map).map_err(at(Step::IdentityMap))?;
        write("/proc/self/gid_map", &self.gid_map).map_err(at(Step::IdentityMap))?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(at(Step::NetworkNamespace))
    }
}

/// What went wrong on the way in, small enough for a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    step: Step,
    errno: Errno,
}

impl Failure {
    fn to_octets(self) -> [u8; 5] {
        let [a, b, c, d] = (self.errno as i32).to_le_bytes();
        [self.step as u8, a, b, c, d]
    }

    fn from_octets([step, errno @ ..]: [u8; 5]) -> Self {
        let step = Step::ALL.get(usize::from(step)).copied().unwrap_or(Step::Start);
        Self { step, errno: Errno::from_raw(i32::from_le_bytes(errno)) }
    }
}

impl From<Failure> for Unavailable {
    fn from(Failure { step, errno }: Failure) -> Self {
        match (step, errno) {
            // Some systems give an ordinary user a namespace without rights in it, so that the
            // refusal comes at a later step.
            (Step::IdentityMap | Step::NetworkNamespace, Errno::EPERM) => {
                Self::UserNamespacesDisabled
            }
            (step, errno) => Self::new(step, errno),
        }
    }
}

/// A program with its arguments and environment, ready for the kernel.
struct Program {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
}

impl Program {
    fn new(path: &OsStr, arguments: &[OsString]) -> Result<Self, Unavailable> {
        let (name, outside) = private::marker().map_err(failed)?;
        let environment = std::env::vars_os()
            .filter(|(variable, _)| variable != name)
            .chain([(name.into(), outside)])
            .map(|(variable, value)| {
                let mut entry = variable;
                entry.push("=");
                entry.push(value);
                c_string(&entry)
            })
            .collect::<Result<_, _>>()?;
        let arguments = [path]
            .into_iter()
            .chain(arguments.iter().map(OsString::as_os_str))
            .map(c_string)
            .collect::<Result<_, _>>()?;
        Ok(Self { path: c_string(path)?, arguments, environment })
    }

    /// Becomes this program, with `output` for both of its outputs if there is one.
    fn replace_this_process(&self, output: Option<&PipeWriter>) -> Result<Infallible, Failure> {
        if let Some(output) = output {
            dup2_stdout(output).map_err(at(Step::Start))?;
            dup2_stderr(output).map_err(at(Step::Start))?;
        }
        execve(&self.path, &self.arguments, &self.environment).map_err(at(Step::Start))
    }
}

/// Forks; `body` runs in the child, where it becomes another program or says why not.
fn fork_and(body: impl FnOnce() -> Result<Infallible, Failure>) -> Result<Pid, Unavailable> {
    let (mut report, mut reporter) = io::pipe().map_err(failed)?;
    match fork::fork().map_err(failed)? {
        Fork::Child => {
            let Err(failure) = body();
            // If the pipe is broken, the parent has gone, and no one wants to know.
            let _result = reporter.write_all(&failure.to_octets());
            end_this_process()
        }
        Fork::Parent(pid) => {
            let pid = Pid::from_raw(pid);
            drop(reporter);
            let mut octets = [0; 5];
            // The other end closes by itself when a program starts.
            match report.read_exact(&mut octets) {
                Ok(()) => {
                    wait_for(pid)?;
                    Err(Failure::from_octets(octets).into())
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(pid),
                Err(error) => Err(failed(error)),
            }
        }
    }
}

/// Ends a forked child without running what the parent has registered for its own end, and without
/// writing out what lies in its buffers.
fn end_this_process() -> ! {
    let _result = raise(Signal::SIGKILL);
    std::process::abort()
}

fn wait_for(pid: Pid) -> Result<Exit, Unavailable> {
    // Ends with the child: it is neither stopped nor traced by us, so nothing else is reported.
    loop {
        match waitpid(pid, None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Exit::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Exit::Signal(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Unavailable::new(Step::Start, errno)),
        }
    }
}

fn write(path: &str, content: &str) -> Result<(), Errno> {
    std::fs::write(path, content).map_err(|error| errno_of(&error))
}

fn at(step: Step) -> impl Fn(Errno) -> Failure {
    move |errno| Failure { step, errno }
}

fn failed(error: io::Error) -> Unavailable {
    Unavailable::new(Step::Start, errno_of(&error))
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// A string for the kernel. One with a zero octet in it cannot have come from there.
fn c_string(string: impl AsRef<OsStr>) -> Result<CString, Unavailable> {
    let octets = string.as_ref().as_bytes();
    CString::new(octets).map_err(|_| Unavailable::new(Step::Start, Errno::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_through_the_pipe_as_it_was() {
        for step in Step::ALL {
            let failure = Failure { step, errno: Errno::ENOSPC };
            assert_eq!(Failure::from_octets(failure.to_octets()), failure);
        }
    }

    #[test]
    fn a_namespace_without_rights_counts_as_none() {
        let failure = Failure { step: Step::NetworkNamespace, errno: Errno::EPERM };
        assert_eq!(Unavailable::from(failure), Unavailable::UserNamespacesDisabled);
    }
}
