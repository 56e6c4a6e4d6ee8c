//! Uses of the capabilities.

use super::selvedge::edge::fetch::{self, FetchError, FetchRequest, Fetched, Pending};
use super::selvedge::edge::{cache, kv, log, metrics, secrets};
use super::{field, text};

/// Uses a capability, and tells the outcome.
pub(crate) fn capabilities(what: &str, query: &str) -> Result<String, String> {
    Ok(match what {
        "kv" => format!("{:?}", kv::get(query)?.map(text)),
        "kv-long" => format!("{:?}", kv::get(&"k".repeat(513))),
        "cache" => {
            cache::put(b"k", b"v", 60, &["t".into()])?;
            let before = cache::get(b"k")?.map(text);
            cache::invalidate("t")?;
            format!("{before:?} {:?}", cache::get(b"k")?.map(text))
        }
        "cache-if" => {
            cache::invalidate("t")?;
            let first = cache::put_if(b"k", None, b"1", 60, &[])?;
            let wrong = cache::put_if(b"k", Some(b"0"), b"2", 60, &[])?;
            let right = cache::put_if(b"k", Some(b"1"), b"2", 60, &[])?;
            format!("{first} {wrong} {right} {:?}", cache::get(b"k")?.map(text))
        }
        "metrics" => {
            metrics::count("things", 2);
            metrics::observe("seconds", 0.5);
            metrics::observe("seconds", f64::NAN);
            metrics::count("Not a Name", 1);
            "done".into()
        }
        "secret" => {
            let secret = secrets::get(query).map(text);
            log::write(log::Level::Info, &format!("the secret is {secret:?}"), &[]);
            format!("{:?}", secret)
        }
        say if say.starts_with("say-") => return say_secret(say, &secret(query)),
        "secret-error" => {
            let secret = secrets::get("key").map(text).unwrap_or_default();
            return Err(format!("the key {secret} is not good"));
        }
        "secret-panic" => {
            let secret = secrets::get("key").map(text).unwrap_or_default();
            panic!("no use for {secret}")
        }
        "fetch" => answer(fetch::start(query, &get("/a?b"))),
        "fetch-all" => {
            let started: Vec<_> = (0..3)
                .map(|n| fetch::start("b", &get(&format!("/{n}"))))
                .collect();
            started
                .into_iter()
                .map(answer)
                .collect::<Vec<_>>()
                .join(" ")
        }
        "fetch-twice" => {
            let pending = fetch::start("b", &get("/")).map_err(|e| format!("{e:?}"))?;
            drop(pending.wait());
            answer(Ok(pending))
        }
        "fetch-request" => {
            let request = FetchRequest {
                method: "POST".into(),
                target: "/p".into(),
                fields: vec![field("X-A", "1")],
                body: b"sent".to_vec(),
            };
            answer(fetch::start("b", &request))
        }
        "fetch-field" => {
            let mut request = get("/");
            request.fields = vec![field(query, "1")];
            answer(fetch::start("b", &request))
        }
        "fetch-target" => answer(fetch::start("b", &get(&query.replace('_', " ")))),
        "fetch-method" => {
            let method = query.replace('_', " ");
            answer(fetch::start("b", &FetchRequest { method, ..get("/") }))
        }
        "fetch-many" => {
            for _ in 0..query.parse::<u32>().map_err(|_| "no number")? {
                drop(fetch::start("b", &get("/")));
            }
            "done".into()
        }
        "fetch-keep" => {
            for _ in 0..query.parse::<u32>().map_err(|_| "no number")? {
                std::mem::forget(fetch::start("b", &get("/")));
            }
            "done".into()
        }
        "fetch-keep-answers" => {
            for _ in 0..query.parse::<u32>().map_err(|_| "no number")? {
                let pending = fetch::start("b", &get("/")).map_err(|e| format!("{e:?}"))?;
                std::mem::forget(pending.wait());
                std::mem::forget(pending);
            }
            "done".into()
        }
        "spin-and-wait" => {
            // Waits far longer than the limit of CPU time, and computes next to nothing.
            answer(fetch::start("slow", &get("/")))
        }
        "never" => answer(fetch::start("never", &get("/"))),
        other => return Err(format!("there is no {other}")),
    })
}

pub(crate) fn secret(name: &str) -> String {
    secrets::get(name).map(text).unwrap_or_default()
}

/// Says a secret in one of the ways in which a plugin can say something.
fn say_secret(way: &str, secret: &str) -> Result<String, String> {
    // With the ends of the lines 8152 bytes: of 8 KiB, 40 are left for the beginning of a secret.
    let much = || {
        let lines = (0..63).map(|n| format!("much {n:02} {}", "x".repeat(119)));
        lines.chain(["x".repeat(87)])
    };
    match way {
        "say-message" => log::write(log::Level::Info, &format!("it is {secret}."), &[]),
        "say-quoted" => log::write(log::Level::Info, &format!("it is {secret:?}."), &[]),
        "say-field" => {
            let fields = [("secret".to_owned(), format!("it is {secret}."))];
            log::write(log::Level::Info, "said", &fields);
        }
        "say-out" => println!("it is {secret}."),
        // What stands behind the last end of a line may be written in a later call.
        "say-out-unfinished" => {
            print!("{secret}");
            println!();
            print!("{secret}");
        }
        "say-out-in-pieces" => {
            for piece in secret.as_bytes().chunks(7) {
                print!("{}", String::from_utf8_lossy(piece));
                std::io::Write::flush(&mut std::io::stdout()).map_err(|error| error.to_string())?;
            }
            println!();
        }
        "say-err" => eprintln!("it is {secret}."),
        "say-error" => return Err(format!("{}it is {secret}.", "x".repeat(900))),
        "say-panic" => panic!("it is {secret}."),
        // The beginning of standard error explains a failure, up to 4 KiB of it.
        "say-panic-after-much" => {
            eprintln!("much {}", "x".repeat(3984));
            panic!("it is {secret}.")
        }
        "say-out-after-much" => {
            much().for_each(|line| println!("{line}"));
            (0..8).for_each(|_| println!("{secret}"));
        }
        "say-err-after-much" => {
            much().for_each(|line| eprintln!("{line}"));
            (0..8).for_each(|_| eprintln!("{secret}"));
        }
        "say-figure" => metrics::count(secret, 1),
        other => return Err(format!("there is no {other}")),
    }
    Ok("said".into())
}

fn answer(started: Result<Pending, FetchError>) -> String {
    match started.and_then(|pending| pending.wait()) {
        Ok(fetched) => describe(&fetched),
        Err(error) => format!("{error:?}"),
    }
}

fn describe(fetched: &Fetched) -> String {
    format!(
        "{} {:?} {:?} {} {}",
        fetched.status(),
        fetched.field("x-path").map(text),
        fetched.field_names(),
        fetched.field_values("x-path").len(),
        text(fetched.body())
    )
}

fn get(target: &str) -> FetchRequest {
    FetchRequest {
        method: "GET".into(),
        target: target.into(),
        fields: Vec::new(),
        body: Vec::new(),
    }
}
