//! The plugins of the folder `plugins`: each is built, its scenarios hold in the real host, and what its README says to put
//! into a distribution file loads.

use selvedge_tests::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// One test for each plugin, and the list of them, which has to be complete.
macro_rules! shipped {
    ($($test:ident: $name:literal),* $(,)?) => {
        const SHIPPED: &[&str] = &[$($name),*];

        $(
            #[test]
            fn $test() {
                holds($name);
            }
        )*
    };
}

shipped! {
    ab_split_keeps_what_it_says: "ab-split",
    device_language_key_keeps_what_it_says: "device-language-key",
    image_variants_keeps_what_it_says: "image-variants",
    jwt_auth_keeps_what_it_says: "jwt-auth",
    link_rewriter_keeps_what_it_says: "link-rewriter",
    query_normaliser_keeps_what_it_says: "query-normaliser",
    rate_limit_keeps_what_it_says: "rate-limit",
    redirects_keeps_what_it_says: "redirects",
    security_headers_keeps_what_it_says: "security-headers",
    ttl_rules_keeps_what_it_says: "ttl-rules",
}

fn plugins() -> PathBuf {
    workspace().join("plugins")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The scenarios of a plugin's folder.
fn scenarios(folder: &Path) -> usize {
    let files = fs::read_dir(folder.join("scenarios")).into_iter().flatten();
    let is_scenario = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    files
        .flatten()
        .filter(|file| is_scenario(&file.path()))
        .count()
}

/// The blocks of TOML in a README that name the plugin's file.
fn distributions(readme: &str) -> Vec<&str> {
    let blocks = readme.split("\n```toml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("\n```").map(|(block, _)| block));
    blocks
        .filter(|block| block.contains("[[plugins]]"))
        .collect()
}

/// The files that every plugin's folder has and this one lacks.
fn lacks(name: &str, folder: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    if scenarios(folder) == 0 {
        missing.push("scenarios/*.toml".to_owned());
    }
    let Ok(readme) = fs::read_to_string(folder.join("README.md")) else {
        missing.push("README.md".to_owned());
        return missing;
    };
    let parts = [
        format!("# {name}\n"),
        "\n## Configuration\n".to_owned(),
        format!("`cargo bench -p selvedge-runtime --bench plugins {name}`"),
    ];
    missing.extend(parts.into_iter().filter(|part| !readme.contains(part)));
    if distributions(&readme).is_empty() {
        missing.push("a block of TOML with [[plugins]]".to_owned());
    }
    missing
}

/// Builds a plugin, plays its scenarios, and checks the configuration in its README.
#[track_caller]
fn holds(name: &str) {
    let folder = plugins().join(name);
    assert_eq!(lacks(name, &folder), [""; 0], "plugins/{name} lacks it");
    let played = run_in(&folder, ["plugin", "test"]);
    let all = format!("{} passed, 0 failed", scenarios(&folder));
    played.code(0).prints(&all);
    let readme = read(&folder.join("README.md"));
    for lines in distributions(&readme) {
        loads(name, &folder, lines);
    }
}

/// `selvedge check` takes these lines, as they stand in a README, in a distribution with the origins that they name.
#[track_caller]
fn loads(name: &str, folder: &Path, lines: &str) {
    let dir = tempfile::TempDir::with_prefix("selvedge-shipped-").expect("a temporary folder");
    let put = |path: &str, text: &[u8]| {
        let path = dir.path().join(path);
        let parent = path.parent().expect("it lies in the folder");
        fs::create_dir_all(parent).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    };
    let file = format!("plugins/{name}/{name}.wasm");
    assert!(lines.contains(&format!("file = \"../{file}\"")), "{lines}");
    let module = fs::read(folder.join(format!("{name}.wasm"))).expect("it is built");
    put(&file, &module);
    put(
        "selvedge.toml",
        b"listen = [\"127.0.0.1:0\"]\n[store]\npath = \"store\"\n",
    );
    let mut site = "id = \"site\"\naliases = [\"www.example.com\"]\n".to_owned();
    for origin in ["main", "canary"] {
        if lines.contains(&format!("origin = \"{origin}\"")) {
            site += &format!("[[origins]]\nid = \"{origin}\"\ndomain = \"{origin}.example.com\"\n");
        }
    }
    if !lines.contains("[default_behavior]") {
        site += "[default_behavior]\norigin = \"main\"\n";
    }
    // A secret lies where it does on the reader's machine; here it is the scenarios' key.
    let key = folder.join("scenarios/public.pem");
    let lines = lines.replace("/etc/selvedge/login-public.pem", &key.display().to_string());
    put("distributions/site.toml", (site + &lines).as_bytes());
    let checked = run_in(dir.path(), ["check"]).code(0).prints("no errors");
    assert_eq!(checked.stderr, "", "there is something to complain about");
}

#[test]
fn every_folder_is_tested_measured_and_in_the_index() {
    let folders = fs::read_dir(plugins()).expect("the folder is there");
    let folders = folders
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let folders: BTreeSet<String> = folders.collect();
    let tested: BTreeSet<String> = SHIPPED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(tested, folders);
    let index = read(&plugins().join("README.md"));
    let bench = read(&workspace().join("host/runtime/benches/plugins.rs"));
    let manifest = read(&workspace().join("Cargo.toml"));
    for name in SHIPPED {
        let entry = format!("[{name}]({name}/README.md)");
        assert!(index.contains(&entry), "plugins/README.md lacks {entry}");
        // Its native tests run with all others only then.
        let member = format!("\"plugins/{name}\"");
        assert_eq!(manifest.matches(&member).count(), 2, "{member}");
        let measured = format!("Case::new(\"{name}\", ");
        assert!(bench.contains(&measured), "nothing measures {name}");
    }
}

/// Checks that an example which tells the origin about a member keeps members apart: the answer may depend on it.
#[test]
fn the_readme_of_jwt_auth_keys_the_pages_by_what_the_origin_is_told() {
    let readme = read(&plugins().join("jwt-auth/README.md"));
    let examples = distributions(&readme);
    let telling: Vec<_> = examples
        .iter()
        .filter(|example| example.contains("claim_fields = { sub = \"X-User\" }"))
        .collect();
    assert_eq!(telling.len(), 1, "the example is another one");
    for example in telling {
        assert!(
            example.contains("cache = { headers = [\"X-User\"] }"),
            "{example}"
        );
    }
}

#[test]
fn a_folder_without_scenarios_or_a_readme_is_found() {
    let dir = tempfile::TempDir::with_prefix("selvedge-shipped-").expect("a temporary folder");
    assert_eq!(lacks("x", dir.path()), ["scenarios/*.toml", "README.md"]);
    fs::create_dir(dir.path().join("scenarios")).expect("the folder is ours");
    fs::write(dir.path().join("scenarios/notes.txt"), "").expect("the folder is ours");
    fs::write(dir.path().join("README.md"), "# x\n").expect("the folder is ours");
    let missing = lacks("x", dir.path());
    assert_eq!(missing.len(), 4, "{missing:?}");
    assert_eq!(missing[0], "scenarios/*.toml");
}

/// How many decisions of `cache-key` are remembered ones when three images are asked for in the same way.
fn remembered_over_three_images(plugin: &Path, config: &str) -> f64 {
    let origin = Origin::start();
    origin
        .on("*")
        .answers(Answer::ok("image").cache_control("max-age=600"));
    let edge = Edge::in_front_of(&origin)
        .behavior("forward = { headers = [\"Accept\", \"Sec-CH-Width\", \"Width\", \"Sec-CH-DPR\", \"DPR\"] }")
        .plugin("images", plugin, config)
        .start();
    for path in ["/a.jpg", "/b.jpg", "/c.jpg"] {
        edge.get(path).with("Accept", "image/webp").expect(200);
    }
    let labels = "hook=\"cache-key\",outcome=\"remembered\"";
    edge.metric_sum("selvedge_hook_calls_total", labels)
}

#[test]
fn image_variants_shares_decisions_among_images_where_the_path_does_not_matter() {
    let folder = plugins().join("image-variants");
    run_in(&folder, ["plugin", "build"]).code(0);
    // A copy: another test may build the plugin meanwhile, and a changed file is a reload, which forgets.
    let dir = tempfile::TempDir::with_prefix("selvedge-shipped-").expect("a temporary folder");
    let plugin = dir.path().join("image-variants.wasm");
    fs::copy(folder.join("image-variants.wasm"), &plugin).expect("it is built");
    let all = "[plugins.config]\nextensions = [\"*\"]";
    assert_eq!(remembered_over_three_images(&plugin, all), 2.0);
    assert_eq!(remembered_over_three_images(&plugin, ""), 0.0);
}

#[test]
fn of_viewers_at_the_same_time_no_more_pass_than_the_rate_limit_has_tokens() {
    const TOKENS: usize = 150;
    let folder = plugins().join("rate-limit");
    run_in(&folder, ["plugin", "build"]).code(0);
    let origin = Origin::start();
    origin
        .on("*")
        .answers(Answer::ok("page").cache_control("max-age=600"));
    // A token that comes back takes an hour.
    let config = format!("[plugins.config]\nrequests = 1\nseconds = 3600\nburst = {TOKENS}");
    let edge = Edge::in_front_of(&origin)
        .plugin("rate-limit", &folder.join("rate-limit.wasm"), &config)
        .start();
    let passed = AtomicUsize::new(0);
    let ask = || {
        let mut viewer = edge.viewer();
        for _ in 0..40 {
            match viewer.get("/").response().status() {
                200 => _ = passed.fetch_add(1, Ordering::Relaxed),
                status => assert_eq!(status, 429),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(ask);
        }
    });
    assert_eq!(passed.into_inner(), TOKENS);
}

#[test]
fn the_link_rewriter_works_before_an_origin_that_compresses() {
    let folder = plugins().join("link-rewriter");
    run_in(&folder, ["plugin", "build"]).code(0);
    let origin = Origin::start();
    let config = "[plugins.config.hosts]\n\"old.example.com\" = \"https://www.example.com\"";
    let edge = Edge::in_front_of(&origin)
        .plugin("link-rewriter", &folder.join("link-rewriter.wasm"), config)
        .start();
    origin.on("*").computes(|seen| {
        let takes = seen.field("Accept-Encoding").unwrap_or("gzip".into());
        let page = match takes.contains("gzip") {
            true => Answer::ok("packed").field("Content-Encoding", "gzip"),
            false => Answer::ok("<a href=http://old.example.com/a>"),
        };
        page.field("Content-Type", "text/html")
            .field("Vary", "Accept-Encoding")
            .cache_control("max-age=60")
    });
    // As a browser asks.
    for _ in 0..2 {
        edge.get("/")
            .with("Accept-Encoding", "gzip, deflate, br, zstd")
            .expect(200)
            .body("<a href=https://www.example.com/a>");
    }
    edge.get("/").expect(200).cache_status("hit");
}
