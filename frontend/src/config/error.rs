//! What is wrong with a configuration, as one line for the operator.
//!
//! It must not know how values are read. What comes next: `main.rs` prints it and exits.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A `--set` on the command line.
    CommandLine,
    /// Nobody set it.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::CommandLine => f.write_str("--set"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Why a configuration is refused. Its text is one line: where, which key, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: cannot be read ({cause}); give another file with --config", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} line {line}: {message}; the file must be TOML", path = .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A `--set` without `=`.
    #[error("--set {given}: write it as key=value, for instance --set c2s.registration=open")]
    NotAnAssignment {
        /// What was given.
        given: String,
    },
    /// A key that does not exist.
    #[error("{origin}: unknown key {key}; did you mean {nearest}?")]
    UnknownKey {
        /// Where it was given.
        origin: Origin,
        /// The key, dotted.
        key: String,
        /// The nearest key that exists.
        nearest: String,
    },
    /// A key with a value that it cannot have.
    #[error("{origin}: {key}: {message}")]
    Value {
        /// Where the value was given.
        origin: Origin,
        /// The key, dotted.
        key: String,
        /// What is wrong and what to write.
        message: String,
    },
}
