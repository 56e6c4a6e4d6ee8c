//! Vary is judged on what the origin was sent, whatever the policies and the field.

use crate::pipeline::testing::{Answer, Host, Origin, get};

/// Behaviors that send different parts of a request.
const POLICIES: [&str; 9] = [
    "",
    "cache_policy = \"CachingOptimized\"",
    "cache_policy = \"UseOriginCacheControlHeaders\"",
    "cache = { honor_viewer_cache_control = true }",
    "cache = { cookies = { only = [\"a\"] } }",
    "cache = { headers = [\"X-Who\", \"Content-Type\"] }\nforward = { headers = [\"Accept-Language\"] }",
    "forward = { headers = \"all\", cookies = \"all\" }",
    "forward = { headers = \"none\" }",
    "origin_request_policy = \"AllViewerExceptHostHeader\"",
];

/// A field, and two values of it that no normal form makes equal.
const FIELDS: [(&str, &str, &str); 22] = [
    ("Accept", "text/html", "image/png"),
    ("Accept-Encoding", "gzip", "br"),
    ("Accept-Encoding", "deflate", "zstd, gzip;q=0"),
    ("Accept-Encoding", "gzip, br", "br;q=0.5, gzip, zstd"),
    ("Accept-Language", "de", "fr"),
    ("User-Agent", "one", "two"),
    ("Referer", "http://one.test/", "http://two.test/"),
    ("Sec-CH-UA", "one", "two"),
    ("Cookie", "a=1; b=1", "a=1; b=2"),
    ("Cookie", "a=1; b=1", "a=2; b=1"),
    ("Authorization", "one", "two"),
    ("X-Forwarded-For", "192.0.2.1", "192.0.2.2"),
    ("X-Forwarded-Proto", "one", "two"),
    ("X-Forwarded-Host", "one", "two"),
    ("Forwarded", "for=one", "for=two"),
    ("X-HTTP-Method-Override", "one", "two"),
    ("X-Real-IP", "192.0.2.1", "192.0.2.2"),
    ("Via", "1.1 one", "1.1 two"),
    ("CDN-Loop", "one", "two"),
    ("Content-Type", "text/a", "text/b"),
    ("Pragma", "one", "two"),
    ("X-Who", "one", "two"),
];

#[tokio::test]
async fn nobody_gets_what_was_made_of_another_value_and_all_share_what_was_made_of_the_same() {
    for (number, policy) in POLICIES.iter().enumerate() {
        let origin = Origin::new();
        let host = Host::before(&origin).behavior(policy).start();
        for (at, (name, one, other)) in FIELDS.into_iter().enumerate() {
            let [both, alone] = ["both", "alone"].map(|kind| format!("/{number}/{at}/{kind}"));
            for path in [&both, &alone] {
                origin.on(path).runs(move |seen| {
                    let lines = seen.fields.get_all(name).iter();
                    let lines: Vec<_> = lines
                        .map(|line| String::from_utf8_lossy(line.as_bytes()))
                        .collect();
                    let answer = Answer::ok(&lines.join("|")).field("Vary", name);
                    answer.field("Cache-Control", "public, max-age=60")
                });
            }
            let first = host.ask(get(&both).field(name, one)).await;
            host.idle().await;
            let second = host.ask(get(&both).field(name, other)).await;
            let alone = host.ask(get(&alone).field(name, other)).await;
            let case = format!("{policy} {name}: {one} and {other}");
            let text = |content: &[u8]| String::from_utf8_lossy(content).into_owned();
            assert_eq!(text(&second.content), text(&alone.content), "{case}");
            if first.content == alone.content {
                assert_eq!(origin.requests(&both).len(), 1, "{case}");
            }
        }
    }
}
