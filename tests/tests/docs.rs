//! The documentation is true: its links lead somewhere, its configurations load, and the README's tour works as written.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Every Markdown file of the repository, except what was built or fetched.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("the folder is there")
            .flatten()
        {
            let (path, name) = (entry.path(), entry.file_name());
            let skipped = name == "target" || name.as_encoded_bytes().starts_with(b".");
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text without fenced code.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let outside = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    outside.collect::<Vec<_>>().join("\n")
}

/// The targets of `[text](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("](").skip(1);
    after.filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// The anchors that headings get.
fn anchors(text: &str) -> Vec<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// The fault of a link in this document.
fn broken(document: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = document.parent().expect("a file lies in a folder");
    let (path, text) = match path {
        "" => (document.to_owned(), text.to_owned()),
        path if folder.join(path).is_dir() => return None,
        path if folder.join(path).is_file() => {
            let path = folder.join(path);
            let text = if anchor.is_empty() {
                String::new()
            } else {
                read(&path)
            };
            (path, text)
        }
        path => return Some(format!("there is no {path}")),
    };
    let found = anchor.is_empty() || anchors(&text).iter().any(|known| known == anchor);
    (!found).then(|| format!("{} has no heading #{anchor}", path.display()))
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = read(&document);
        for target in links(&prose(&text)) {
            if let Some(why) = broken(&document, &text, target) {
                wrong.push(format!("{}: ({target}): {why}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let here = workspace().join("README.md");
    let text = "# One heading\n[a](#one-heading) [b](#other) [c](host) [d](nowhere.md) [e](https://example.com/x)";
    let wrong: Vec<&str> = links(text)
        .filter(|target| broken(&here, text, target).is_some())
        .collect();
    assert_eq!(wrong, ["#other", "nowhere.md"]);
}

/// The fenced blocks of one section: their language and their text.
fn blocks(text: &str, heading: &str) -> Vec<(String, String)> {
    let section = text
        .split_once(&format!("\n{heading}\n"))
        .expect("the section is there")
        .1;
    let section = section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section);
    let mut blocks = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block = lines.by_ref().take_while(|line| !line.starts_with("```"));
            let block = block.map(|line| format!("{line}\n")).collect();
            blocks.push((language.to_owned(), block));
        }
    }
    blocks
}

fn of_language(blocks: &[(String, String)], wanted: &str) -> Vec<String> {
    let of = blocks.iter().filter(|(language, _)| language == wanted);
    of.map(|(_, text)| text.clone()).collect()
}

fn put(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    let parent = path.parent().expect("it lies in the folder");
    fs::create_dir_all(parent).expect("the folder is ours");
    fs::write(path, text).expect("the folder is ours");
}

/// The text with one part replaced, which has to be there.
#[track_caller]
fn with(text: &str, part: &str, other: &str) -> String {
    assert!(text.contains(part), "no {part} in\n{text}");
    text.replacen(part, other, 1)
}

#[test]
fn the_readmes_own_plugin_works_as_written() {
    let readme = read(&workspace().join("README.md"));
    let blocks = blocks(&readme, "## Your own plugin");
    let (rust, toml) = (of_language(&blocks, "rust"), of_language(&blocks, "toml"));
    let ([source], [server, distribution]) = (&rust[..], &toml[..]) else {
        panic!("the section has one source file and two configuration files");
    };
    let commands: Vec<String> = of_language(&blocks, "")
        .iter()
        .flat_map(|block| block.lines())
        .filter_map(|line| line.strip_prefix("selvedge ").map(str::to_owned))
        .collect();
    assert_eq!(
        commands,
        [
            "plugin new my-plugin",
            "plugin build my-plugin",
            "check --config selvedge.toml",
            "run --config selvedge.toml",
        ]
    );
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();

    let origin = Origin::start();
    origin.on("/silent").answers(Answer::ok("x"));
    let dir = tempfile::TempDir::with_prefix("selvedge-readme-").expect("a temporary folder");
    run_in(dir.path(), words(&commands[0])).code(0);
    put(dir.path(), "my-plugin/src/lib.rs", source);
    run_in(dir.path(), words(&commands[1]))
        .code(0)
        .prints("my-plugin/my-plugin.wasm");
    let port = format!("http_port = {}", origin.address().port());
    put(
        dir.path(),
        "selvedge.toml",
        &with(server, "127.0.0.1:8080", "127.0.0.1:0"),
    );
    put(
        dir.path(),
        "distributions/my-site.toml",
        &with(distribution, "http_port = 9001", &port),
    );
    let checked = run_in(dir.path(), words(&commands[2])).code(0);
    assert!(readme.contains(checked.stdout.trim()), "{checked:#?}");

    let mut host = Background::start(dir.path(), words(&commands[3]));
    let address: SocketAddr = host.wait_for("address", |line| {
        line.strip_prefix("listening http://")?.parse().ok()
    });
    let ask = || Ask::new(address, "GET", "/silent").host("localhost");
    ask()
        .expect(200)
        .cache_status("fwd=uri-miss")
        .cache_status("ttl=30")
        .cache_status("stored");
    ask().expect(200).cache_status("hit");
    ask()
        .with("Accept-Language", "de-AT")
        .expect(200)
        .cache_status("fwd=uri-miss");
    assert!(
        host.output().contains("stored for 30 s"),
        "{}",
        host.output()
    );
    assert_eq!(host.interrupt().code, Some(0));
}

#[test]
fn the_documented_configurations_load() {
    let text = read(&workspace().join("docs/configuration.md"));
    let dir = tempfile::TempDir::with_prefix("selvedge-docs-").expect("a temporary folder");
    let mut written = Vec::new();
    for block in of_language(&blocks(&text, "## Complete examples"), "toml") {
        let name = block
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# "));
        let name = name.expect("the first line names the file").to_owned();
        put(dir.path(), &name, &block);
        written.push(name);
    }
    assert!(written.contains(&"selvedge.toml".to_owned()), "{written:?}");
    assert!(written.len() >= 4, "{written:?}");
    let wasm = dir.path().join("my-plugin/my-plugin.wasm");
    fs::create_dir_all(wasm.parent().expect("a folder")).expect("the folder is ours");
    fs::copy(guest("three-hooks"), wasm).expect("the guest is built");
    let checked = run_in(dir.path(), ["check"]).code(0).prints("no errors");
    assert_eq!(checked.stderr, "", "there is something to complain about");
}
