//! `phones [PHONES] [AUTHORS] [RATE]`: texts of one large author and many small ones over one route; prints who got them when,
//! and what it took.

use anyhow::Result;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let phones = numbers.next().transpose()?.unwrap_or(2_000_000);
    let authors = numbers.next().transpose()?.unwrap_or(1_000);
    let rate = numbers.next().transpose()?.unwrap_or(100);
    let dir = tempfile::tempdir()?;
    let report = reef_benches::phones::run(dir.path(), phones, authors, rate as u32)?;
    #[allow(clippy::print_stdout, reason = "it is what this program is for")]
    {
        println!("{report:#?}");
    }
    Ok(())
}
