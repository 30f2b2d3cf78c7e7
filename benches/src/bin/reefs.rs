//! `reefs [FOLLOWERS] [POSTS]`: posts from one Reef to followers at another; prints what crossed and what it took.

use anyhow::Result;

fn main() -> Result<()> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>());
    let followers = numbers.next().transpose()?.unwrap_or(100_000);
    let posts = numbers.next().transpose()?.unwrap_or(10);
    let dir = tempfile::tempdir()?;
    let report = reef_benches::reefs::run(dir.path(), followers as usize, posts)?;
    #[allow(clippy::print_stdout, reason = "it is what this program is for")]
    {
        println!("{report:#?}");
    }
    Ok(())
}
