//! Live progress on standard error: one bar for what is being done. Silent where nobody looks.

use indicatif::{ProgressBar, ProgressStyle};

/// Shows what is being done.
pub(crate) struct Progress {
    shown: bool,
    bar: ProgressBar,
}

impl Progress {
    /// Progress that is shown, if standard error is a terminal.
    pub(crate) fn new(shown: bool) -> Progress {
        Progress {
            shown,
            bar: ProgressBar::hidden(),
        }
    }

    /// Begins something of so many steps; 0 if that is not known.
    pub(crate) fn begin(&mut self, what: &str, total: u64) {
        self.bar.finish_and_clear();
        if !self.shown {
            return;
        }
        let template = match total {
            0 => "{spinner} {msg} {pos} ({per_sec}, {elapsed})",
            _ => "{bar:32.cyan/blue} {pos:>8}/{len} {msg} ({per_sec}, {eta} left)",
        };
        let style = ProgressStyle::with_template(template).expect("the template is well-formed");
        self.bar = ProgressBar::new(total).with_style(style);
        self.bar.set_message(what.to_owned());
    }

    /// So many steps are done.
    pub(crate) fn set(&self, done: u64) {
        self.bar.set_position(done);
        self.bar.tick();
    }

    /// Nothing is shown any more.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
