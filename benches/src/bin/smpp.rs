//! `smpp [SECONDS] [ROUNDS]`: messages a second of one SMPP session, by window and answer time, beside a bare client's.

use anyhow::Result;
use std::time::Duration;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let seconds = numbers.next().transpose()?.unwrap_or(3);
    let rounds = numbers.next().transpose()?.unwrap_or(3);
    let reports = reef_benches::smpp::run(Duration::from_secs(seconds), rounds as usize)?;
    #[allow(clippy::print_stdout, reason = "it is what this program is for")]
    for report in reports {
        let (delay, part) = (report.delay.as_millis(), report.part());
        let (window, session, bare) = (report.window, report.session, report.bare);
        let of = if delay == 0 {
            "the bare client's"
        } else {
            "window / answer time"
        };
        println!("window {window:>3}, {delay:>2} ms: {session:>9.1}/s, bare {bare:>9.1}/s, {part:.3} of {of}");
    }
    Ok(())
}
