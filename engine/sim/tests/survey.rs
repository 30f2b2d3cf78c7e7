//! temp
#[test]
fn survey() {
    let n: u64 = std::env::var("N").ok().and_then(|s| s.parse().ok()).unwrap_or(1000);
    let mut bad = 0;
    for seed in 0..n {
        if let Err(e) = reef_sim::simulate(seed, None) {
            bad += 1;
            if bad < 15 {
                eprintln!("{seed}: {e}");
            }
        }
    }
    eprintln!("bad {bad} of {n}");
}
