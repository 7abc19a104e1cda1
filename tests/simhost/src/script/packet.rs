//! A line that describes a packet: `S. 0:0(0) ack 1 win 5792 <mss 1460,nop,wscale 7>`.

use core::fmt;

use synack_wire::Flags;

/// The packet that a line describes; numbers are the script's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PacketLine {
    /// The two ECN bits, if the line says them.
    pub(super) ecn: Option<u8>,
    /// The control bits, ACK and URG among them.
    pub(super) flags: Flags,
    /// Its first number, and how many octets of text it has.
    pub(super) seq: u32,
    pub(super) len: u32,
    pub(super) ack: Option<u32>,
    pub(super) win: Option<u16>,
    pub(super) urgent: Option<u16>,
    /// Its options in order; `None` for `<...>`, any.
    pub(super) options: Option<Vec<TcpOption>>,
}

/// One option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TcpOption {
    Nop,
    End,
    Mss(u16),
    WindowScale(u8),
    SackOk,
    Sack(Vec<(u32, u32)>),
    /// Value and echo.
    Timestamps(u32, u32),
    /// A kind that scripts do not name.
    Other(u8),
}

impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nop => f.write_str("nop"),
            Self::End => f.write_str("eol"),
            Self::Mss(mss) => write!(f, "mss {mss}"),
            Self::WindowScale(shift) => write!(f, "wscale {shift}"),
            Self::SackOk => f.write_str("sackOK"),
            Self::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(start, end)| write!(f, " {start}:{end}"))
            }
            Self::Timestamps(value, echo) => write!(f, "TS val {value} ecr {echo}"),
            Self::Other(kind) => write!(f, "kind {kind}"),
        }
    }
}

impl PacketLine {
    /// Reads what stands behind the direction.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (ecn, text) = ecn(text.trim())?;
        let (head, options) = match text.split_once('<') {
            Some((head, options)) => {
                let options = options.trim().strip_suffix('>').ok_or("options end with >")?;
                (head, self::options(options)?)
            }
            None => (text, Some(Vec::new())),
        };
        let mut words = head.split_whitespace();
        let flags = flags(words.next().ok_or("a packet has flags")?)?;
        let (seq, len) = numbers(words.next().ok_or("a packet has numbers: 1:1(0)")?)?;
        let (ack, win, urgent) = (None, None, None);
        let mut line = Self { ecn, flags, seq, len, ack, win, urgent, options };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` has no value"))?;
            match word {
                "ack" => line.ack = Some(number(value)?),
                "win" => line.win = Some(number(value)?),
                "urg" => line.urgent = Some(number(value)?),
                _ => return Err(format!("`{word}` is no part of a packet")),
            }
        }
        for (flag, value, name) in [
            (Flags::ACK, line.ack.is_some(), "`.` and `ack`"),
            (Flags::URG, line.urgent.is_some(), "`U` and `urg`"),
        ] {
            if line.flags.contains(flag) != value {
                return Err(format!("the flag {name} go together"));
            }
        }
        Ok(line)
    }
}

fn ecn(text: &str) -> Result<(Option<u8>, &str), String> {
    let Some((name, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) else {
        return Ok((None, text));
    };
    let bits = match name {
        "noecn" => 0,
        "ect1" => 1,
        "ect0" => 2,
        "ce" => 3,
        _ => return Err(format!("`[{name}]` is no ECN field")),
    };
    Ok((Some(bits), rest.trim()))
}

fn flags(text: &str) -> Result<Flags, String> {
    let mut flags = Flags::NONE;
    for letter in text.chars() {
        flags |= match letter {
            'F' => Flags::FIN,
            'S' => Flags::SYN,
            'R' => Flags::RST,
            'P' => Flags::PSH,
            '.' => Flags::ACK,
            'U' => Flags::URG,
            'E' => Flags::ECE,
            'W' => Flags::CWR,
            'A' => Flags::AE,
            '-' => Flags::NONE,
            _ => return Err(format!("`{letter}` is no flag")),
        };
    }
    Ok(flags)
}

/// `start:end(length)`, which must agree.
pub(super) fn numbers(text: &str) -> Result<(u32, u32), String> {
    let bad = || format!("`{text}` is not start:end(length)");
    let (start, rest) = text.split_once(':').ok_or_else(bad)?;
    let (end, len) = rest.split_once('(').ok_or_else(bad)?;
    let len: u32 = number(len.strip_suffix(')').ok_or_else(bad)?)?;
    let (start, end): (u32, u32) = (number(start)?, number(end)?);
    if start.wrapping_add(len) != end {
        return Err(format!("`{text}`: the length is not the difference"));
    }
    Ok((start, len))
}

fn options(text: &str) -> Result<Option<Vec<TcpOption>>, String> {
    if text.trim() == "..." {
        return Ok(None);
    }
    text.split(',').map(|option| self::option(option.trim())).collect::<Result<_, _>>().map(Some)
}

fn option(text: &str) -> Result<TcpOption, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(match words.as_slice() {
        ["nop"] => TcpOption::Nop,
        ["eol"] => TcpOption::End,
        ["sackOK"] => TcpOption::SackOk,
        ["mss", mss] => TcpOption::Mss(number(mss)?),
        ["wscale", shift] => TcpOption::WindowScale(number(shift)?),
        ["TS", "val", value, "ecr", echo] => TcpOption::Timestamps(number(value)?, number(echo)?),
        ["sack", blocks @ ..] => TcpOption::Sack(
            blocks
                .iter()
                .map(|block| {
                    let (start, end) = block.split_once(':').ok_or("a block is start:end")?;
                    Ok((number(start)?, number(end)?))
                })
                .collect::<Result<_, String>>()?,
        ),
        _ => return Err(format!("`{text}` is no option")),
    })
}

pub(super) fn number<T: core::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number that fits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_with_all_its_parts() {
        let text = "[ect0] UFP. 1:101(100) ack 7 win 200 urg 5 <nop,nop,sack 1:2 5:9>";
        let expected = PacketLine {
            ecn: Some(2),
            flags: Flags::FIN | Flags::PSH | Flags::ACK | Flags::URG,
            seq: 1,
            len: 100,
            ack: Some(7),
            win: Some(200),
            urgent: Some(5),
            options: Some(vec![
                TcpOption::Nop,
                TcpOption::Nop,
                TcpOption::Sack(vec![(1, 2), (5, 9)]),
            ]),
        };
        assert_eq!(PacketLine::parse(text), Ok(expected));
        assert_eq!(PacketLine::parse("S 0:0(0) <...>").map(|line| line.options), Ok(None));
    }

    #[test]
    fn what_does_not_agree_with_itself_is_refused() {
        for text in ["S", "S 0:1(0)", ". 1:1(0)", "S 0:0(0) ack 1", "Q 0:0(0)", "S 0:0(0) <mss>"] {
            assert!(PacketLine::parse(text).is_err(), "{text}");
        }
    }
}
