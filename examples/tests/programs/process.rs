//! Programs that a test starts: examples of this package, and programs of the system.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// A program that was started; it is killed when this is dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    /// Dropped when what it reads shall end.
    input: Option<Sender<()>>,
    out: Collected,
    err: Collected,
}

/// What a program has left behind.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

/// The octets of a pipe, read by a thread so that their writer never waits for us.
struct Collected {
    chunks: Receiver<Vec<u8>>,
    octets: Vec<u8>,
}

/// An example of this package, as a command.
pub(crate) fn example(name: &str) -> Command {
    Command::new(path_of_example(name))
}

/// The binary of an example: beside those of the tests, in `examples` instead of `deps`.
pub(crate) fn path_of_example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.is_file(), "no {}: `cargo test` builds it, `--test` alone not", path.display());
    path
}

impl Process {
    /// Starts a command with all that it is to read.
    pub(crate) fn start(command: &mut Command, input: Vec<u8>) -> Self {
        let mut process = Self::start_open_ended(command, input);
        process.end_input();
        process
    }

    /// Starts a command with what it is to read first; the end comes with [`Self::end_input`].
    pub(crate) fn start_open_ended(command: &mut Command, input: Vec<u8>) -> Self {
        let name = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut writer = child.stdin.take().unwrap();
        let (end, ended) = mpsc::channel();
        thread::spawn(move || {
            // A program may end before it has read everything; its status tells whether it may.
            let _result = writer.write_all(&input);
            // Nothing is ever sent: the end is that the sender has gone.
            let _gone: Result<(), _> = ended.recv();
        });
        let out = Collected::of(child.stdout.take().unwrap());
        let err = Collected::of(child.stderr.take().unwrap());
        Self { name, child, input: Some(end), out, err }
    }

    /// Ends what it reads, once it has read what it was given.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits until it has written `text` to its standard output.
    pub(crate) fn wait_for_output(&mut self, text: &str) {
        if !self.out.wait_for(text) {
            self.fail(&format!("did not say {text:?}"));
        }
    }

    /// Waits until it has written that many octets to its standard output.
    pub(crate) fn wait_for_octets(&mut self, count: usize) {
        if !self.out.wait_until(|octets| octets.len() >= count) {
            self.fail(&format!("said {} of {count} octets", self.out.octets.len()));
        }
    }

    /// Waits until it has written `text` to its standard error.
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        if !self.err.wait_for(text) {
            self.fail(&format!("did not report {text:?}"));
        }
    }

    /// Waits for its end, whatever that is.
    pub(crate) fn end(mut self) -> Ended {
        if !self.out.read_to_end() || !self.err.read_to_end() {
            self.fail("did not end");
        }
        let status = self.child.wait().unwrap();
        let out = std::mem::take(&mut self.out.octets);
        Ended { status, out, err: self.err.text() }
    }

    /// Waits for its end, which must be a success; returns what it has written.
    pub(crate) fn succeed(self) -> Vec<u8> {
        let name = self.name.clone();
        let Ended { status, out, err } = self.end();
        let text = String::from_utf8_lossy(&out[..out.len().min(1_000)]);
        assert!(status.success(), "{name}: {status}\n{text}\n{err}");
        out
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn fail(&mut self, what: &str) -> ! {
        // Without more of its output the reason would be lost.
        self.err.take_what_came();
        panic!("{} {what}; its messages: {}", self.name, self.err.text())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Collected {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let (sender, chunks) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = vec![0; 64 << 10];
            // No octets are the end; an error is one too.
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { chunks, octets: Vec::new() }
    }

    /// Whether `text` comes, before the end and without a long silence.
    fn wait_for(&mut self, text: &str) -> bool {
        self.wait_until(|octets| String::from_utf8_lossy(octets).contains(text))
    }

    fn wait_until(&mut self, is_enough: impl Fn(&[u8]) -> bool) -> bool {
        while !is_enough(&self.octets) {
            match self.chunks.recv_timeout(SILENCE_MAX) {
                Ok(chunk) => self.octets.extend(chunk),
                Err(_) => return false,
            }
        }
        true
    }

    /// Whether the end comes, without a long silence before.
    fn read_to_end(&mut self) -> bool {
        loop {
            match self.chunks.recv_timeout(SILENCE_MAX) {
                Ok(chunk) => self.octets.extend(chunk),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    fn take_what_came(&mut self) {
        self.octets.extend(self.chunks.try_iter().flatten());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets).into_owned()
    }
}

/// Far longer than any of the programs works without a word.
const SILENCE_MAX: Duration = Duration::from_secs(120);
