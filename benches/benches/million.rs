//! A million live sessions in one process. `cargo bench -p reef-benches --bench million [-- SESSIONS]`; half a minute and
//! some 2 GB for a million.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

fn main() -> anyhow::Result<()> {
    let sessions = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .next()
        .unwrap_or(1_000_000);
    let dir = tempfile::tempdir()?;
    let report = reef_benches::million::run(dir.path(), sessions, 1_000)?;
    println!("{report:#?}");
    Ok(())
}
