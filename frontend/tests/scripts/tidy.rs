//! What must hold of the sources and no compiler checks: who may know whom, and what every file has.

use super::tidy_sources::{Source, files, functions, root};

/// Fails with all that was found.
fn none(what: &str, found: impl IntoIterator<Item = String>) {
    let found: Vec<String> = found.into_iter().collect();
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Lines of these files in which `wrong` holds.
fn lines<'a>(files: &'a [Source], wrong: impl Fn(&Source, &str) -> bool + 'a) -> impl Iterator<Item = String> + 'a {
    files.iter().flat_map(move |file| {
        let numbered: Vec<_> = (1..)
            .zip(file.text.lines())
            .filter(|(_, line)| wrong(file, line))
            .collect();
        numbered
            .into_iter()
            .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
    })
}

/// The code of a line, without what is remarked behind it.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let files = files(".rs");
    let silent = files.iter().filter(|file| !file.text.starts_with("//!"));
    none("files without `//!`", silent.map(|file| file.path.clone()));
}

#[test]
fn nothing_is_put_off_or_left_over() {
    let words = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "dbg".to_owned() + "!",
        "#[ign".to_owned() + "ore",
    ];
    let files = files(".rs");
    none(
        "left over",
        lines(&files, |_, line| words.iter().any(|word| line.contains(word))),
    );
}

#[test]
fn functions_fit_a_screen() {
    const LINES_MAX: usize = 70;
    let files = files(".rs");
    let long = files.iter().flat_map(|file| {
        let long = functions(&file.text)
            .into_iter()
            .filter(|(_, lines)| *lines > LINES_MAX);
        long.map(|(name, lines)| format!("{}: {name} has {lines} lines", file.path))
    });
    none("too long", long);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let manifests = files("Cargo.toml");
    let without = manifests
        .iter()
        .filter(|file| !file.text.contains("[lints]\nworkspace = true"));
    none("crates without lints", without.map(|file| file.path.clone()));
}

#[test]
fn crates_know_whom_they_may() {
    let files = files("Cargo.toml");
    let knows = |path: &str, wrong: &'static [&'static str]| {
        let file: Vec<&Source> = files.iter().filter(|file| file.path == path).collect();
        assert_eq!(file.len(), 1, "{path}");
        let depends = wrong
            .iter()
            .filter(|name| file.iter().any(|file| file.text.contains(**name)));
        depends.map(|name| format!("{path} names {name}")).collect::<Vec<_>>()
    };
    none(
        "wrong ways",
        [
            knows(
                "frontend/stanza/Cargo.toml",
                &["reef-engine", "reef-sms", "reef-frontend", "tokio"],
            ),
            knows(
                "engine/Cargo.toml",
                &[
                    "reef-frontend",
                    "reef-stanza",
                    "reef-sms",
                    "tokio",
                    "mio",
                    "xmpp-parsers",
                ],
            ),
            knows("sms/Cargo.toml", &["reef-frontend"]),
            knows(
                "sms/smpp/Cargo.toml",
                &["reef-engine", "reef-frontend", "reef-stanza", "reef-sms"],
            ),
            knows("loadtest/Cargo.toml", &["reef-engine", "reef-frontend"]),
        ]
        .concat(),
    );
}

#[test]
fn the_front_end_and_the_gateway_meet_in_main_alone() {
    let files = files(".rs");
    let wrong = |file: &Source, line: &str| {
        let inside = file.path.starts_with("frontend/src/");
        let meets = file.path == "frontend/src/main.rs" || file.path.starts_with("frontend/src/gateway/");
        let gateway = file.path.starts_with("sms/src/");
        inside && !meets && code(line).contains("reef_sms") || gateway && code(line).contains("reef_frontend")
    };
    none("they know each other", lines(&files, wrong));
}

#[test]
fn one_file_names_rocksdb() {
    let files = files(".rs");
    let named = |line: &str| code(line).contains("rocksdb::") || code(line).contains("use rocksdb");
    // The words are here, too.
    let may = |path: &str| path == "engine/src/store/rocks.rs" || path == "frontend/tests/scripts/tidy.rs";
    none(
        "others name it",
        lines(&files, |file, line| !may(&file.path) && named(line)),
    );
}

#[test]
fn the_index_knows_no_store_and_no_stage() {
    let files = files(".rs");
    let stages = ["store", "publish", "log", "fanout", "outbox", "shard"].map(|stage| format!("crate::{stage}"));
    let wrong = |file: &Source, line: &str| {
        file.path.starts_with("engine/src/index/") && stages.iter().any(|stage| code(line).contains(stage.as_str()))
    };
    none("it does", lines(&files, wrong));
}

#[test]
fn no_module_of_a_xep_imports_another() {
    let files = files(".rs");
    let wrong = |file: &Source, line: &str| {
        let Some(inside) = file.path.strip_prefix("frontend/src/xep/") else {
            return false;
        };
        let own = inside.split(['/', '.']).next().unwrap_or_default();
        let code = code(line);
        let named = code
            .match_indices("xep0")
            .chain(code.match_indices("rfc6"))
            .map(|(at, _)| &code[at..]);
        let mut others = named.filter(|named| !named.starts_with(own) && named.contains("::"));
        own != "mod" && others.next().is_some()
    };
    none("they do", lines(&files, wrong));
}

/// `UPDATE_EXPECT=1` writes it anew.
#[test]
fn the_table_in_the_readme_is_that_of_the_modules() {
    let path = root().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- modules: begin").unwrap();
    let (remark, rest) = rest.split_once("-->\n").unwrap();
    let (table, after) = rest.split_once("<!-- modules: end -->").unwrap();
    let wanted = reef_frontend::xep::readme_table();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let text = format!("{before}<!-- modules: begin{remark}-->\n{wanted}<!-- modules: end -->{after}");
        std::fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(table, wanted, "UPDATE_EXPECT=1 cargo test writes the README anew");
}

#[test]
fn the_doap_file_is_that_of_the_modules() {
    let path = root().join("reef.doap");
    let wanted = reef_frontend::xep::doap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap();
    assert_eq!(there, wanted, "UPDATE_EXPECT=1 cargo test writes reef.doap anew");
    let names: minidom::Element = there.parse().unwrap();
    assert!(names.is("RDF", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"));
}
