//! The sources of the workspace as text, for `tidy.rs`.

use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// From the root of the workspace, e.g. `engine/src/lib.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All files of the workspace whose name ends so.
pub(crate) fn files(ending: &str) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    for folder in ["engine", "frontend", "sms", "loadtest", "benches"] {
        walk(&root, &root.join(folder), ending, &mut found);
    }
    assert!(!found.is_empty());
    found
}

fn walk(root: &Path, folder: &Path, ending: &str, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                walk(root, &path, ending, found);
            }
        } else if path.to_string_lossy().ends_with(ending) {
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push(Source { path, text });
        }
    }
}

/// The functions of a file that rustfmt has formatted: name and lines, signature included.
pub(crate) fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = &line[..line.len() - code.len()];
        let Some(name) = name(code) else { continue };
        let end = format!("{indent}}}");
        if code.ends_with(['}', ';']) {
            continue;
        }
        let close = lines[at..].iter().position(|line| *line == end);
        found.extend(close.map(|close| (name.to_owned(), close + 1)));
    }
    found
}

/// The name of the function that begins on a line.
fn name(code: &str) -> Option<&str> {
    let words = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe"];
    let mut rest = code;
    while let Some((word, after)) = rest.split_once(' ').filter(|(word, _)| words.contains(word)) {
        debug_assert!(!word.is_empty());
        rest = after;
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}
