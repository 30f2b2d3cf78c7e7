//! `phones [PHONES] [AUTHORS] [RATE]`: texts of one large author and many small ones over one route; prints who got them when,
//! and what it took. `phones prepare DIR [PHONES]` and, in a process of its own, `phones measure DIR [PHONES]`: what a lap under
//! way takes in memory. `phones pace [RATE]` and `phones stops [PHONES]`: the same over a real session, on the machine's clock.

use anyhow::{Result, bail};
use reef_benches::phones;
use std::path::Path;

const PHONES: u64 = 2_000_000;

#[allow(clippy::print_stdout, reason = "it is what this program is for")]
fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: u64| words.get(at).map_or(Ok(usual), |word| word.parse());
    match (words.first().map(String::as_str), words.get(1)) {
        (Some("prepare"), Some(dir)) => phones::prepare(Path::new(dir), number(2, PHONES)?),
        (Some("measure"), Some(dir)) => {
            let (start_ms, resident) = phones::measure(Path::new(dir), number(2, PHONES)?)?;
            println!("start {start_ms} ms, resident {resident} bytes at most");
            Ok(())
        }
        (Some("prepare" | "measure"), None) => bail!("name a folder"),
        (Some("pace"), _) => {
            let dir = tempfile::tempdir()?;
            println!("{:#?}", phones::wire::pace(dir.path(), number(1, 100)? as u32)?);
            Ok(())
        }
        (Some("stops"), _) => {
            let dir = tempfile::tempdir()?;
            println!("{:#?}", phones::wire::stops(dir.path(), number(1, 100)?)?);
            Ok(())
        }
        _ => {
            let dir = tempfile::tempdir()?;
            let rate = number(2, 100)? as u32;
            let report = phones::run(dir.path(), number(0, PHONES)?, number(1, 1_000)?, rate)?;
            println!("{report:#?}");
            Ok(())
        }
    }
}
