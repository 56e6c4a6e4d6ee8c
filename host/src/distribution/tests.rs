//! Plans that follow each other, and files with errors.

use super::{Builder, HostTarget, Plan, Serves};
use crate::config::Files;
use crate::files::Ledger;
use selvedge_runtime::{Options, Runtime};
use std::path::PathBuf;
use std::sync::Arc;

/// The files of a host, and the plan that is in force.
struct Host {
    dir: tempfile::TempDir,
    files: Files,
    ledger: Ledger,
    builder: Builder,
    plan: Option<Plan>,
}

impl Host {
    fn new(files: &[(&str, &str)]) -> Host {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("distributions")).unwrap();
        std::fs::write(dir.path().join("selvedge.toml"), "").unwrap();
        let runtime = Runtime::new(Options {
            max_instances: 4,
            ..Options::default()
        });
        let mut host = Host {
            files: Files::new(dir.path()),
            ledger: Ledger::default(),
            builder: Builder::for_checking(runtime.unwrap()),
            plan: None,
            dir,
        };
        for (name, text) in files {
            host.write(name, text);
        }
        host.take();
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("distributions").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Reads the files, and puts them in force.
    fn take(&mut self) {
        self.ledger.look();
        let loaded = self.files.read(&mut self.ledger);
        let built = Plan::build(&loaded, self.plan.as_ref(), &self.builder, &mut self.ledger);
        match built {
            Ok((plan, _)) => self.plan = Some(plan),
            Err(report) => panic!("{report}"),
        }
    }

    /// Writes and takes these files.
    fn then(&mut self, files: &[(&str, &str)]) {
        for (name, text) in files {
            self.write(name, text);
        }
        self.take();
    }

    fn plan(&self) -> &Plan {
        self.plan.as_ref().unwrap()
    }

    fn distribution(&self, id: &str) -> Arc<super::Distribution> {
        self.plan().distribution(id).unwrap().clone()
    }

    /// The id of the distribution that serves a name, or `503` or `403`.
    fn leads(&self, name: &str) -> String {
        match self.plan().find(name) {
            Some(HostTarget::Distribution(one)) => one.id().to_string(),
            Some(HostTarget::Broken(_)) => "503".to_owned(),
            None => "403".to_owned(),
        }
    }

    /// The files with errors, with what is in force of them.
    fn broken(&self) -> Vec<(String, Serves)> {
        let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
        let broken = self.plan().broken().iter();
        broken.map(|one| (name(&one.file), one.serves)).collect()
    }
}

/// A distribution with these aliases, and lines of its default behavior.
fn file(id: &str, aliases: &[&str], lines: &str) -> String {
    format!(
        "id = \"{id}\"\naliases = {aliases:?}\n[[origins]]\nid = \"main\"\ndomain = \"{id}.origin.test\"\n\
         [default_behavior]\norigin = \"main\"\n{lines}\n"
    )
}

const BROKEN: &str = "no_such_key = 1";

#[test]
fn what_has_not_changed_is_the_same_in_the_next_plan() {
    let mut host = Host::new(&[
        ("a.toml", &file("a", &[], "")),
        ("b.toml", &file("b", &[], "")),
    ]);
    let before = [host.distribution("a"), host.distribution("b")];
    host.then(&[("b.toml", &file("b", &["b.test"], ""))]);
    let after = [host.distribution("a"), host.distribution("b")];
    assert!(Arc::ptr_eq(&before[0], &after[0]));
    assert!(!Arc::ptr_eq(&before[1], &after[1]));
    // Of the changed one, its origin with its connections and its health.
    let origins = [&before[1], &after[1]].map(|one| one.origin("main").unwrap().clone());
    assert!(Arc::ptr_eq(&origins[0], &origins[1]));
}

#[test]
fn a_change_that_means_nothing_changes_nothing() {
    let mut host = Host::new(&[("a.toml", &file("a", &["a.test"], ""))]);
    let before = host.distribution("a");
    host.then(&[(
        "a.toml",
        &format!("# A comment.\n{}", file("a", &["a.test"], "")),
    )]);
    assert!(Arc::ptr_eq(&before, &host.distribution("a")));
    // Under another name it is the same distribution.
    std::fs::rename(host.path("a.toml"), host.path("z.toml")).unwrap();
    host.take();
    assert!(Arc::ptr_eq(&before, &host.distribution("a")));
    assert_eq!(host.leads("a.test"), "a");
}

#[test]
fn a_new_server_file_that_means_the_same_for_a_distribution_leaves_it_as_it_is() {
    let mut host = Host::new(&[("a.toml", &file("a", &[], ""))]);
    let before = host.distribution("a");
    std::fs::write(host.dir.path().join("selvedge.toml"), "debug_fields = true").unwrap();
    host.take();
    assert!(host.plan().request_settings().debug_fields);
    assert!(Arc::ptr_eq(&before, &host.distribution("a")));
}

#[test]
fn a_broken_distribution_keeps_its_last_good_version_and_no_other_from_being_taken() {
    let mut host = Host::new(&[
        ("a.toml", &file("a", &["a.test"], "")),
        ("b.toml", &file("b", &["b.test"], "")),
    ]);
    let before = host.distribution("a");
    for broken in [
        file("a", &["a.test", "more.test"], BROKEN),
        "id = \"a\"\naliases = [\n".to_owned(),
        String::new(),
        format!(
            "{}[[plugins]]\nname = \"p\"\nfile = \"missing.wasm\"\n",
            file("a", &["a.test"], "plugins = [\"p\"]")
        ),
    ] {
        let id = format!("b{}", broken.len());
        host.then(&[("a.toml", &broken), ("b.toml", &file(&id, &["b.test"], ""))]);
        assert!(Arc::ptr_eq(&before, &host.distribution("a")), "{broken}");
        assert_eq!(host.leads("a.test"), "a");
        assert_eq!(host.leads("b.test"), id, "{broken}");
        assert_eq!(host.broken(), [("a.toml".to_owned(), Serves::LastGood)]);
    }
    host.then(&[("a.toml", &file("a", &["a.test"], ""))]);
    assert_eq!(host.broken(), []);
    assert!(Arc::ptr_eq(&before, &host.distribution("a")));
}

#[test]
fn at_a_cold_start_the_names_of_a_broken_distribution_answer_503() {
    let mut host = Host::new(&[
        ("a.toml", &file("a", &["a.test", "*.a.test"], BROKEN)),
        ("b.toml", &file("b", &["b.test"], "")),
        ("c.toml", "id = \"c\"\naliases = [\"c.test\"]\n[[origins]\n"),
    ]);
    let names = ["a.test", "www.a.test", "b.test", "c.test", "d.test"];
    assert_eq!(
        names.map(|name| host.leads(name)),
        ["503", "503", "b", "503", "403"]
    );
    let assigned = crate::config::assigned("a", "edge.localhost");
    assert_eq!(host.leads(&assigned), "503");
    host.then(&[("a.toml", &file("a", &["a.test", "*.a.test"], ""))]);
    assert_eq!(host.leads("www.a.test"), "a");
    assert_eq!(host.leads(&assigned), "a");
}

#[test]
fn a_removed_file_is_gone_even_if_it_was_broken() {
    let mut host = Host::new(&[
        ("a.toml", &file("a", &["a.test"], "")),
        ("b.toml", &file("b", &["b.test"], "")),
    ]);
    host.then(&[("a.toml", "nonsense")]);
    assert_eq!(host.leads("a.test"), "a");
    std::fs::remove_file(host.path("a.toml")).unwrap();
    host.take();
    assert_eq!(host.leads("a.test"), "403");
    assert_eq!(host.broken(), []);
}

#[test]
fn an_alias_moves_when_both_files_are_right() {
    let from = |lines| file("from", &["x.test"], lines);
    let without = |lines| file("from", &[], lines);
    let to = |lines| file("to", &["to.test", "x.test"], lines);
    // The new files of both, and where the alias leads afterwards.
    for (first, second, leads) in [
        (without(""), to(""), "to"),
        // The old holder is broken, or still claims it.
        (without(BROKEN), to(""), "from"),
        (from(BROKEN), to(""), "from"),
        (from(""), to(""), "from"),
        ("nonsense".to_owned(), to(""), "from"),
        // The new one is broken.
        (without(""), to(BROKEN), "from"),
        (
            without(""),
            "id = \"to\"\naliases = [\"x.test\"".to_owned(),
            "from",
        ),
        (without(BROKEN), to(BROKEN), "from"),
        // Nobody is to have it.
        (without(""), file("to", &[], ""), "403"),
        (without(""), file("to", &[], BROKEN), "403"),
    ] {
        for swapped in [false, true] {
            let names = match swapped {
                false => ["1.toml", "2.toml"],
                true => ["2.toml", "1.toml"],
            };
            let mut host = Host::new(&[(names[0], &from("")), (names[1], &file("to", &[], ""))]);
            host.then(&[(names[0], &first), (names[1], &second)]);
            assert_eq!(host.leads("x.test"), leads, "{first}\n{second}");
            // Nor does another look change it.
            host.take();
            assert_eq!(host.leads("x.test"), leads, "{first}\n{second}");
            // The files may also come one after the other.
            host.then(&[(names[0], &without("")), (names[1], &to(""))]);
            assert_eq!(host.leads("x.test"), "to", "{first}\n{second}");
            assert_eq!(host.broken(), []);
        }
    }
}

#[test]
fn one_that_takes_a_name_from_a_broken_one_is_in_force_without_it() {
    let mut host = Host::new(&[
        ("from.toml", &file("from", &["x.test"], "")),
        ("to.toml", &file("to", &[], "")),
    ]);
    host.then(&[
        ("from.toml", "nonsense"),
        ("to.toml", &file("to", &["x.test", "to.test"], "")),
    ]);
    assert_eq!(host.leads("to.test"), "to");
    assert_eq!(host.broken(), [("from.toml".to_owned(), Serves::LastGood)]);
    let pending = &host.plan().pending()[0];
    assert_eq!(
        [&pending.name, &pending.holder, &pending.claimant],
        ["x.test", "from", "to"]
    );
}

#[test]
fn one_that_claims_a_name_that_another_has_keeps_its_last_good_version() {
    let mut host = Host::new(&[
        ("a.toml", &file("a", &["a.test"], "")),
        ("b.toml", &file("b", &["b.test"], "")),
    ]);
    host.then(&[("a.toml", &file("a", &["a.test", "new.test", "b.test"], ""))]);
    assert_eq!(host.leads("b.test"), "b");
    assert_eq!(host.leads("a.test"), "a");
    assert_eq!(host.broken(), [("a.toml".to_owned(), Serves::LastGood)]);
    // A new file has no last good version: it serves its other names.
    host.then(&[
        ("a.toml", &file("a", &["a.test"], "")),
        ("0.toml", &file("zero", &["zero.test", "b.test"], "")),
    ]);
    assert_eq!(host.leads("b.test"), "b");
    assert_eq!(host.leads("zero.test"), "zero");
    assert_eq!(
        host.broken(),
        [("0.toml".to_owned(), Serves::WithoutSomeNames)]
    );
}

#[test]
fn between_two_that_claim_a_name_which_neither_had_neither_is_preferred() {
    let host = Host::new(&[
        ("a.toml", &file("a", &["a.test", "x.test"], "")),
        ("b.toml", &file("b", &["b.test", "x.test"], "")),
    ]);
    let names = ["a.test", "b.test", "x.test"];
    assert_eq!(names.map(|name| host.leads(name)), ["a", "b", "503"]);
}

#[test]
fn an_id_belongs_to_the_file_that_had_it() {
    let mut host = Host::new(&[("b.toml", &file("one", &["b.test"], ""))]);
    let before = host.distribution("one");
    host.then(&[("a.toml", &file("one", &["a.test"], ""))]);
    assert!(Arc::ptr_eq(&before, &host.distribution("one")));
    assert_eq!(host.leads("b.test"), "one");
    assert_eq!(host.leads("a.test"), "503");
    assert_eq!(host.broken(), [("a.toml".to_owned(), Serves::Nothing)]);
    // After a restart nobody had it.
    host.plan = None;
    host.take();
    let names = ["a.test", "b.test"];
    assert_eq!(names.map(|name| host.leads(name)), ["503", "503"]);
}

#[test]
fn aliases_can_be_swapped_in_one_go() {
    let mut host = Host::new(&[
        ("a.toml", &file("a", &["x.test"], "")),
        ("b.toml", &file("b", &["y.test"], "")),
    ]);
    host.then(&[
        ("a.toml", &file("a", &["y.test"], "")),
        ("b.toml", &file("b", &["x.test"], "")),
    ]);
    assert_eq!(
        ["x.test", "y.test"].map(|name| host.leads(name)),
        ["b", "a"]
    );
    // With one of them broken, both names stay where they were.
    host.then(&[
        ("a.toml", &file("a", &["x.test"], BROKEN)),
        ("b.toml", &file("b", &["y.test"], "")),
    ]);
    assert_eq!(
        ["x.test", "y.test"].map(|name| host.leads(name)),
        ["b", "a"]
    );
}

#[test]
fn what_blocks_is_an_error_at_once() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let host = |name: &str, text: &str| {
        let mut host = Host::new(&[("b.toml", &file("b", &["b.test"], ""))]);
        let pipe = host.path(name);
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        host.then(&[("b.toml", &file("b", &["more.test"], ""))]);
        if !text.is_empty() {
            host.then(&[("a.toml", text)]);
        }
        assert_eq!(host.leads("more.test"), "b");
        assert_eq!(host.broken().len(), 1, "{name}");
    };
    let origin = "id = \"a\"\n[[origins]]\nid = \"main\"\ndomain = \"o.test\"\n";
    let behavior = "[default_behavior]\norigin = \"main\"\n";
    let plugin = format!(
        "{origin}{behavior}plugins = [\"p\"]\n[[plugins]]\nname = \"p\"\nfile = \"pipe\"\n"
    );
    host("a.toml", "");
    host("pipe", &format!("{origin}ca_file = \"pipe\"\n{behavior}"));
    host("pipe", &plugin);
    host(
        "pipe",
        &format!("{plugin}secrets = {{ s = {{ file = \"pipe\" }} }}\n"),
    );
    host(
        "pipe",
        &format!("{plugin}fetch.f = {{ url = \"https://f.test\", ca_file = \"pipe\" }}\n"),
    );
}
