//! Assertions about `TCP_INFO`: `assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd`.

/// One comparison, or several in a row: `1 <= tcpi_x <= 5`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Assertion {
    text: String,
    first: Term,
    rest: Vec<(Relation, Term)>,
}

/// A field, or a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Term {
    Number(u64),
    /// Where it lies in the structure, and how long it is. Units: octets.
    Field {
        at: usize,
        len: usize,
    },
    /// Of the octet there, the four bits from this one up.
    Bits {
        at: usize,
        from: u8,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Assertion {
    /// Reads a statement; what stands behind a comma is for people.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let condition = text.strip_prefix("assert ").ok_or("only `assert` is known here")?;
        let condition = condition.split_once(',').map_or(condition, |(condition, _)| condition);
        let words: Vec<&str> = condition.split_whitespace().collect();
        let (first, rest) = words.split_first().ok_or("an empty assertion")?;
        let mut relations = Vec::new();
        for pair in rest.chunks(2) {
            let [relation, term] = pair else { return Err(format!("`{text}` breaks off")) };
            relations.push((Relation::parse(relation)?, Term::parse(term)?));
        }
        if relations.is_empty() {
            return Err(format!("`{text}` compares nothing"));
        }
        Ok(Self { text: condition.trim().to_owned(), first: Term::parse(first)?, rest: relations })
    }

    /// Whether it holds of a `TCP_INFO`; if not, what there was.
    pub(super) fn check(&self, info: &[u8]) -> Result<(), String> {
        let mut left = self.first.value(info);
        for (relation, term) in &self.rest {
            let right = term.value(info);
            if !relation.holds(left, right) {
                return Err(format!("`{}`: {left} and {right}", self.text));
            }
            left = right;
        }
        Ok(())
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        if let Some((_, number)) = CONSTANTS.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Number(*number));
        }
        match text {
            "tcpi_snd_wscale" => return Ok(Self::Bits { at: 6, from: 0 }),
            "tcpi_rcv_wscale" => return Ok(Self::Bits { at: 6, from: 4 }),
            _ => {}
        }
        let field = FIELDS.iter().find(|(name, ..)| *name == text);
        let (_, at, len) = field.ok_or_else(|| format!("`{text}` is not known here"))?;
        Ok(Self::Field { at: *at, len: *len })
    }

    fn value(self, info: &[u8]) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bits { at, from } => info.get(at).map_or(0, |it| u64::from(it >> from & 0xf)),
            Self::Field { at, len } => {
                let mut octets = [0; 8];
                let field = info.get(at..at + len).unwrap_or_default();
                octets[..field.len()].copy_from_slice(field);
                u64::from_le_bytes(octets)
            }
        }
    }
}

impl Relation {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return Err(format!("`{text}` compares nothing")),
        })
    }

    fn holds(self, left: u64, right: u64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// Fields of `struct tcp_info`: name, place, length. Units: octets.
const FIELDS: [(&str, usize, usize); 20] = [
    ("tcpi_state", 0, 1),
    ("tcpi_ca_state", 1, 1),
    ("tcpi_retransmits", 2, 1),
    ("tcpi_probes", 3, 1),
    ("tcpi_backoff", 4, 1),
    ("tcpi_options", 5, 1),
    ("tcpi_rto", 8, 4),
    ("tcpi_snd_mss", 16, 4),
    ("tcpi_rcv_mss", 20, 4),
    ("tcpi_unacked", 24, 4),
    ("tcpi_sacked", 28, 4),
    ("tcpi_lost", 32, 4),
    ("tcpi_retrans", 36, 4),
    ("tcpi_rtt", 68, 4),
    ("tcpi_rttvar", 72, 4),
    ("tcpi_snd_ssthresh", 76, 4),
    ("tcpi_snd_cwnd", 80, 4),
    ("tcpi_advmss", 84, 4),
    ("tcpi_total_retrans", 100, 4),
    ("tcpi_notsent_bytes", 144, 4),
];

const CONSTANTS: [(&str, u64); 17] = [
    ("TCP_CA_Open", 0),
    ("TCP_CA_Disorder", 1),
    ("TCP_CA_CWR", 2),
    ("TCP_CA_Recovery", 3),
    ("TCP_CA_Loss", 4),
    ("TCP_INFINITE_SSTHRESH", 0x7fff_ffff),
    ("TCP_ESTABLISHED", 1),
    ("TCP_SYN_SENT", 2),
    ("TCP_SYN_RECV", 3),
    ("TCP_FIN_WAIT1", 4),
    ("TCP_FIN_WAIT2", 5),
    ("TCP_TIME_WAIT", 6),
    ("TCP_CLOSE", 7),
    ("TCP_CLOSE_WAIT", 8),
    ("TCP_LAST_ACK", 9),
    ("TCP_LISTEN", 10),
    ("TCP_CLOSING", 11),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_in_a_row_hold_each() {
        let mut info = vec![0; 200];
        info[80] = 10;
        info[6] = 0x87;
        for (text, holds) in [
            ("assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd", true),
            ("assert 9 <= tcpi_snd_cwnd <= 10", true),
            ("assert 9 <= tcpi_snd_cwnd < 10", false),
            ("assert tcpi_snd_wscale == 7", true),
            ("assert tcpi_rcv_wscale == 8", true),
            ("assert tcpi_state != TCP_ESTABLISHED", true),
        ] {
            assert_eq!(Assertion::parse(text).unwrap().check(&info).is_ok(), holds, "{text}");
        }
        for text in ["print(1)", "assert", "assert 1", "assert tcpi_mood == 1", "assert 1 =="] {
            assert!(Assertion::parse(text).is_err(), "{text}");
        }
    }
}
