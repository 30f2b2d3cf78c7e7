//! `count`: lists the stages, `name units threads`. `count STAGE ROUNDS`: runs one, for callgrind to count what happens
//! within [`counted`]. `make bench-check` does both.
#![allow(clippy::print_stdout, reason = "it is a program that prints a list")]

use reef_benches::count::STAGES;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(name) = args.next() else {
        for stage in STAGES {
            println!("{} {} {}", stage.name, stage.units, u8::from(stage.threads));
        }
        return ExitCode::SUCCESS;
    };
    let rounds: u64 = args.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let Some(stage) = STAGES.into_iter().find(|stage| stage.name == name) else {
        println!("there is no stage {name}");
        return ExitCode::FAILURE;
    };
    let mut body = (stage.prepare)(stage.units);
    for _ in 0..rounds {
        counted(&mut *body);
    }
    ExitCode::SUCCESS
}

/// What callgrind is told to count: found by its name, so that it must stay a function of its own.
#[inline(never)]
fn counted(body: &mut dyn FnMut()) {
    body();
    std::hint::black_box(());
}
