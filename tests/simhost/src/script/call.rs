//! A line that describes a socket call and its result: `write(4, ..., 1000) = 1000`.

use crate::errno::Errno;

/// A call with its arguments as they stand in the script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// The result, or the error.
    pub(super) result: Result<i64, Errno>,
}

impl Call {
    /// Reads a line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (call, result) = text.rsplit_once(" = ").ok_or("a call has a result: `= 0`")?;
        let (name, arguments) = call.trim().split_once('(').ok_or("a call has arguments")?;
        let arguments = arguments.strip_suffix(')').ok_or("the arguments end with `)`")?;
        let mut words = result.split_whitespace();
        let result: i64 = super::packet::number(words.next().unwrap_or_default())?;
        let result = match words.next() {
            None => Ok(result),
            Some(error) => Err(Errno::named(error).ok_or_else(|| format!("what is {error}?"))?),
        };
        Ok(Self { name: name.to_owned(), arguments: split(arguments), result })
    }

    /// An argument that is a number, or a name that stands for one, or several joined by `|`.
    pub(super) fn number(&self, index: usize) -> Result<i32, String> {
        let text = self.arguments.get(index).ok_or_else(|| format!("no argument {}", index + 1))?;
        text.split('|').try_fold(0, |sum, part| Ok(sum | constant(part.trim())?))
    }

    /// The numbers between the brackets of an argument, `[1]`, or its braces.
    pub(super) fn value(&self, index: usize) -> Result<Vec<i32>, String> {
        let text = self.arguments.get(index).ok_or_else(|| format!("no argument {}", index + 1))?;
        let inner = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .or_else(|| text.strip_prefix('{').and_then(|text| text.strip_suffix('}')))
            .unwrap_or(text);
        let numbers = inner.split(',').map(|it| it.rsplit_once('=').map_or(it, |(_, value)| value));
        numbers.map(|number| constant(number.trim())).collect()
    }
}

/// Splits at commas that stand in no bracket.
fn split(text: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let mut depth = 0;
    for letter in text.chars() {
        match letter {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            arguments.push(String::new());
            continue;
        }
        if let Some(last) = arguments.last_mut() {
            last.push(letter);
        }
    }
    arguments.into_iter().map(|argument| argument.trim().to_owned()).collect()
}

/// A number, or what a name stands for on Linux.
fn constant(name: &str) -> Result<i32, String> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let known = CONSTANTS.iter().find(|(known, _)| *known == name);
    known.map(|(_, value)| *value).ok_or_else(|| format!("`{name}` is not known here"))
}

const CONSTANTS: [(&str, i32); 36] = [
    ("SOCK_STREAM", libc::SOCK_STREAM),
    ("SOCK_NONBLOCK", libc::SOCK_NONBLOCK),
    ("IPPROTO_TCP", libc::IPPROTO_TCP),
    ("SOL_SOCKET", libc::SOL_SOCKET),
    ("SOL_TCP", libc::IPPROTO_TCP),
    ("SO_ERROR", libc::SO_ERROR),
    ("SO_KEEPALIVE", libc::SO_KEEPALIVE),
    ("SO_LINGER", libc::SO_LINGER),
    ("SO_RCVBUF", libc::SO_RCVBUF),
    ("SO_REUSEADDR", libc::SO_REUSEADDR),
    ("SO_SNDBUF", libc::SO_SNDBUF),
    ("TCP_CORK", libc::TCP_CORK),
    ("TCP_KEEPCNT", libc::TCP_KEEPCNT),
    ("TCP_KEEPIDLE", libc::TCP_KEEPIDLE),
    ("TCP_KEEPINTVL", libc::TCP_KEEPINTVL),
    ("TCP_LINGER2", libc::TCP_LINGER2),
    ("TCP_MAXSEG", libc::TCP_MAXSEG),
    ("TCP_NODELAY", libc::TCP_NODELAY),
    ("TCP_QUICKACK", libc::TCP_QUICKACK),
    ("TCP_USER_TIMEOUT", libc::TCP_USER_TIMEOUT),
    ("F_GETFL", libc::F_GETFL),
    ("F_SETFL", libc::F_SETFL),
    ("O_RDWR", libc::O_RDWR),
    ("O_NONBLOCK", libc::O_NONBLOCK),
    ("MSG_DONTWAIT", libc::MSG_DONTWAIT),
    ("MSG_MORE", libc::MSG_MORE),
    ("MSG_OOB", libc::MSG_OOB),
    ("MSG_PEEK", libc::MSG_PEEK),
    ("SHUT_RD", libc::SHUT_RD),
    ("SHUT_WR", libc::SHUT_WR),
    ("SHUT_RDWR", libc::SHUT_RDWR),
    ("POLLIN", libc::POLLIN as i32),
    ("POLLOUT", libc::POLLOUT as i32),
    ("POLLERR", libc::POLLERR as i32),
    ("POLLHUP", libc::POLLHUP as i32),
    ("POLLPRI", libc::POLLPRI as i32),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_with_names_brackets_and_errors() {
        let call = Call::parse("setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0");
        let call = call.unwrap();
        assert_eq!((call.name.as_str(), call.result), ("setsockopt", Ok(0)));
        assert_eq!(call.number(2), Ok(libc::SO_LINGER));
        assert_eq!(call.value(3), Ok(vec![1, 0]));
        let call = Call::parse("read(4, ..., 9) = -1 EAGAIN (Resource unavailable)").unwrap();
        assert_eq!(call.result, Err(Errno(libc::EAGAIN)));
        assert!(Call::parse("read(4, ..., 9)").is_err());
        assert!(Call::parse("read(4, ..., 9) = -1 EWHATEVER").is_err());
    }
}
