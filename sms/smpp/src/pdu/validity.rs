//! How long an SMSC may try: `validity_period` (SMPP 3.4 §7.1.1), relative, or absolute for those who know no other.

use jiff::Timestamp;
use std::time::Duration;

/// The most that is asked for.
const MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an SMSC may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// So long, a day at most.
    For(Duration),
    /// Until this second of Unix time, said in UTC.
    Until(u64),
}

impl Validity {
    /// Its 16 characters.
    pub fn text(self) -> String {
        match self {
            Validity::For(time) => relative(time.min(MAX).as_secs()),
            Validity::Until(second) => absolute(second),
        }
    }
}

/// `YYMMDDhhmmss000R`.
fn relative(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!(
        "0000{:02}{:02}{:02}{:02}000R",
        hours / 24,
        hours % 24,
        minutes % 60,
        seconds % 60
    )
}

/// `YYMMDDhhmmss000+`; empty, which is the SMSC's own, for a time that no calendar has.
fn absolute(second: u64) -> String {
    let time = i64::try_from(second)
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok());
    time.map(|time| time.strftime("%y%m%d%H%M%S000+").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_times_are_sixteen_characters_and_a_day_at_most() {
        let text = |seconds| Validity::For(Duration::from_secs(seconds)).text();
        assert_eq!(text(6 * 3600 + 61), "000000060101000R");
        assert_eq!(text(0), "000000000000000R");
        assert_eq!(text(1_000_000), "000001000000000R");
    }

    #[test]
    fn absolute_times_are_in_utc() {
        assert_eq!(Validity::Until(1_795_435_845).text(), "261123121045000+");
        assert_eq!(Validity::Until(u64::MAX).text(), "");
    }
}
