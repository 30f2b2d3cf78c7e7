//! What is measured of processes and of the machine, from `/proc`. Linux; zeros where it says nothing.

pub(crate) mod latency;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod sampler;
