//! cwnd and ssthresh, and the rules for them that NewReno and CUBIC share.

use alloc::boxed::Box;

use super::hystart::SlowStart;
use super::validation::{Validation, Validity};
use super::{
    AckSample, Beginning, CWND_MAX, CongestionEvent, CongestionSignal, Fraction, RestartWindow,
    SpuriousEvent, initial_window,
};
use crate::Instant;

/// The choices that NewReno and CUBIC leave open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowOptions {
    /// Whether an ECN mark reduces less than a loss (ABE, RFC 8511). Off: it is experimental
    /// (ABE-3).
    pub alternative_backoff: bool,
    /// Whether a cwnd that the application does not use is validated and kept (RFC 7661), instead
    /// of reduced after an idle time (RFC 5681 §4.1). Off: it is experimental.
    pub validation: bool,
    /// Whether the first slow start ends before the path overflows (HyStart++, RFC 9406). On.
    pub hystart: bool,
}

impl WindowOptions {
    /// What a controller has when nothing else is asked for.
    pub const DEFAULT: Self = Self { alternative_backoff: false, validation: false, hystart: true };
}

impl Default for WindowOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The window of a controller that goes by losses. Units: octets.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) cwnd: u32,
    pub(crate) ssthresh: u32,
    /// SMSS, at least 1.
    pub(crate) mss: u32,
    /// cwnd and ssthresh before the last reduction, until it can no longer be undone.
    prior: Option<Box<Prior>>,
    slow_start: SlowStart,
    restart: RestartWindow,
    validation: Option<Box<Validation>>,
}

/// What a reduction found. Units: octets.
#[derive(Clone, Copy, Debug)]
struct Prior {
    signal: CongestionSignal,
    cwnd: u32,
    ssthresh: u32,
    flight_size: u32,
    slow_start: SlowStart,
    restart: RestartWindow,
}

/// Whether cwnd may grow by an ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Growing {
    Allowed,
    /// It is not what limits sending, or recovery is under way, or it is not validated.
    Refused,
}

impl Window {
    /// The initial window and an unbounded threshold (CC-6), or what another controller left.
    pub(crate) fn new(beginning: &Beginning, options: WindowOptions) -> Self {
        let mss = beginning.mss.clamp(1, MSS_MAX);
        let cwnd = beginning.initial_window.max(mss);
        let slow_start = if options.hystart { SlowStart::initial() } else { SlowStart::plain() };
        let mut window = Self {
            cwnd,
            ssthresh: u32::MAX,
            mss,
            prior: None,
            slow_start,
            restart: RestartWindow::new(cwnd),
            validation: options.validation.then(|| Box::new(Validation::new(cwnd))),
        };
        if let Some(inherited) = beginning.inherited {
            window.cwnd = inherited.cwnd.clamp(mss, CWND_MAX);
            window.ssthresh = inherited.ssthresh.max(mss.saturating_mul(2));
            window.slow_start = SlowStart::plain();
        }
        window
    }

    /// Takes an ACK, and says whether cwnd may grow by it (CC-23, CWV-5).
    pub(crate) fn on_ack(&mut self, sample: &AckSample) -> Growing {
        self.restart.on_acked(sample.acked_bytes);
        let validity = match &mut self.validation {
            Some(validation) => validation.on_ack(sample, self.cwnd),
            None => Validity::Validated,
        };
        match validity {
            Validity::Validated if sample.cwnd_limited && !sample.in_recovery => Growing::Allowed,
            Validity::Validated | Validity::Unvalidated => Growing::Refused,
            Validity::Expired => {
                self.expire();
                Growing::Refused
            }
        }
    }

    /// Slow start (CC-3, ABC-1, HS-5, HS-6). Returns whether it ended without congestion (HS-8).
    pub(crate) fn slow_start(&mut self, sample: &AckSample) -> bool {
        let growth = self.slow_start.on_ack(sample, self.mss);
        self.grow(growth.bytes);
        if growth.ends {
            self.ssthresh = self.cwnd;
        }
        growth.ends
    }

    /// cwnd grows by `bytes`, as far as windows go.
    pub(crate) fn grow(&mut self, bytes: u32) {
        self.cwnd = self.cwnd.saturating_add(bytes).min(CWND_MAX);
    }

    /// Reduces the window to `factor` of FlightSize: ssthresh at least two segments; cwnd likewise
    /// after a loss, at least one segment after a mark, one after a timeout.
    ///
    /// Source: RFC 5681 §3.1, §3.2 (CC-8, CC-10, CC-15, IW-3); RFC 9438 §4.6, §4.8 (CUBIC-11);
    /// RFC 3168 §6.1.2; RFC 7661 §4.4.1 (CWV-6).
    pub(crate) fn reduce(&mut self, event: &CongestionEvent, factor: Fraction) {
        let flight_size = event.flight_size.min(CWND_MAX);
        let (signal, cwnd, ssthresh) = (event.signal, self.cwnd, self.ssthresh);
        let (slow_start, restart) = (self.slow_start, self.restart);
        let prior = Prior { signal, cwnd, ssthresh, flight_size, slow_start, restart };
        self.prior = Some(Box::new(prior));
        self.slow_start.end();
        self.restart.on_loss(flight_size);
        let unused = match &mut self.validation {
            Some(validation) => validation.on_congestion(self.cwnd, flight_size),
            None => None,
        };
        let reduced = match event.signal {
            CongestionSignal::Loss | CongestionSignal::Ecn => unused,
            CongestionSignal::Timeout => None,
        };
        let reduced = reduced.unwrap_or_else(|| factor.of(flight_size));
        let two = self.mss.saturating_mul(2);
        self.ssthresh = reduced.max(two);
        self.cwnd = match event.signal {
            CongestionSignal::Loss => self.ssthresh,
            CongestionSignal::Ecn => reduced.max(self.mss),
            CongestionSignal::Timeout => self.mss,
        };
    }

    /// All that had been sent when `signal` was met is acknowledged.
    ///
    /// Source: RFC 5681 §3.2 (CC-19); after a timeout cwnd grows from one segment instead (CC-10).
    pub(crate) fn on_recovered(&mut self, signal: CongestionSignal) {
        if signal == CongestionSignal::Timeout {
            return;
        }
        if let Some(bytes) = self.validation.as_mut().and_then(|v| v.on_recovered()) {
            // CWV-7: less than at the start of the recovery, for the losses it repaired.
            self.cwnd = bytes.max(self.mss).min(self.cwnd);
            self.ssthresh = self.cwnd.max(self.mss.saturating_mul(2));
        } else if signal == CongestionSignal::Loss {
            self.cwnd = self.ssthresh.min(CWND_MAX);
        }
    }

    /// Undoes the last reduction, if it was by the same signal: what a mark told is true whatever
    /// became of a loss. Returns whether there was anything to undo.
    ///
    /// After a timeout ssthresh is at least FlightSize as it was then, and cwnd what is in flight
    /// and no burst more; otherwise both are as they were, unless cwnd got there by itself.
    ///
    /// Source: RFC 4015 §3 (FRTO-8); RFC 9438 §4.9.2 (CUBIC-18).
    pub(crate) fn undo(&mut self, event: &SpuriousEvent) -> bool {
        let Some(prior) = self.prior.take_if(|prior| prior.signal == event.signal) else {
            return false;
        };
        (self.slow_start, self.restart) = (prior.slow_start, prior.restart);
        if event.signal == CongestionSignal::Timeout {
            let burst = event.acked_bytes.min(initial_window(self.mss));
            let cwnd = event.flight_size.saturating_add(burst);
            self.ssthresh = prior.ssthresh.max(prior.flight_size);
            self.cwnd = cwnd.clamp(self.mss, CWND_MAX);
            return true;
        }
        if self.cwnd >= prior.cwnd {
            return false;
        }
        self.cwnd = prior.cwnd;
        self.ssthresh = prior.ssthresh;
        true
    }

    /// Sending begins again after an idle time: cwnd is at most the restart window (CC-22), unless
    /// what it is worth is validated. Returns whether cwnd changed.
    pub(crate) fn on_restart(&mut self, now: Instant) -> bool {
        let before = self.cwnd;
        match &mut self.validation {
            Some(validation) => {
                if validation.validity(now) == Validity::Expired {
                    self.expire();
                }
            }
            None => self.cwnd = self.restart.restart(self.cwnd, self.mss),
        }
        self.cwnd != before
    }

    /// The segment size changed: cwnd in octets shrinks with it, and never grows (CC-21). What was
    /// before is of another path, and does not come back.
    pub(crate) fn on_mss(&mut self, mss: u32) -> Fraction {
        let mss = mss.clamp(1, MSS_MAX);
        let ratio = Fraction { numerator: mss.min(self.mss), denominator: self.mss };
        self.cwnd = ratio.of(self.cwnd).max(mss);
        self.ssthresh = self.ssthresh.max(mss.saturating_mul(2));
        self.prior = None;
        self.mss = mss;
        ratio
    }

    /// RFC 7661 §4.4.3 (CWV-9).
    fn expire(&mut self) {
        self.ssthresh = self.ssthresh.max(self.cwnd / 4 * 3);
        self.cwnd = self.cwnd.min((self.cwnd / 2).max(initial_window(self.mss)));
    }
}

/// No segment is longer than a packet.
const MSS_MAX: u32 = 65_535;
