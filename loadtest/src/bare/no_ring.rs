//! What stands for the ring where there is no io_uring: it cannot be had, so nothing is ever sent through it.

use crate::bare::setup::Setup;
use anyhow::{Result, bail};
use std::convert::Infallible;
use std::os::fd::RawFd;

/// A ring that cannot be.
pub(super) struct Ring(Infallible);

impl Ring {
    /// Says that there is none.
    pub(super) fn new(_: Setup, _: &[RawFd], _: usize) -> Result<Ring> {
        bail!("only Linux has io_uring")
    }

    /// Never called.
    pub(super) fn send(&mut self, _: &[usize], _: &[u8], _: &mut impl FnMut(usize, usize)) -> Result<()> {
        match self.0 {}
    }
}
