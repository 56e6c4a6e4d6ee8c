use super::*;
use crate::testing::fields;

/// The pieces of one line as text: `name=argument` for a directive, `!` for an unreadable member, `?name=value` for a word.
fn parts(line: &str) -> Vec<String> {
    let fields = fields(&[("cache-control", line)]);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |name: &[u8], value: Option<&[u8]>| match value {
        Some(value) => format!("{}={}", text(name), text(value)),
        None => text(name),
    };
    let mut parts = Vec::new();
    for_each(&fields, |part| {
        parts.push(match part {
            Part::Directive { name, argument } => pair(name, argument),
            Part::Unreadable => "!".to_owned(),
            Part::Word(word) => format!("?{}", pair(word.name, word.value)),
        });
    });
    parts
}

#[test]
fn rfc_9111_5_2_members_within_the_grammar() {
    for (line, expected) in [
        ("", &[][..]),
        (",, a ,", &["a"]),
        ("a, B=c, d=\"e, f\"", &["a", "B=c", "?c", "d=e, f"]),
        ("max-age=60", &["max-age=60", "?60"]),
        ("a=\"\"", &["a="]),
        ("a=\"x\\\"y\"", &["a=x\\\"y"]),
        ("a=\"no-store\"", &["a=no-store"]),
    ] {
        assert_eq!(parts(line), expected, "{line}");
    }
}

#[test]
fn rfc_9111_5_2_the_words_of_a_member_outside_the_grammar_are_seen() {
    for (line, expected) in [
        (
            "private; max-age=30",
            &["!", "?private", "?max-age=30", "?30"][..],
        ),
        (
            "no-store max-age=0",
            &["!", "?no-store", "?max-age=0", "?0"],
        ),
        ("\"no-store\"", &["!", "?no-store"]),
        ("max-age = 5", &["!", "?max-age=5", "?5"]),
        ("max-age:5", &["!", "?max-age", "?5"]),
        ("a=", &["!", "?a="]),
        ("=", &["!"]),
        ("a=\"b\" c", &["!", "?a=b", "?b", "?c"]),
        ("a=\"b, c", &["!", "?a=b", "?b", "c"]),
        ("<private>", &["!", "?private"]),
        ("--private--;", &["!", "?private"]),
        ("\u{fe}private", &["!", "?private"]),
    ] {
        assert_eq!(parts(line), expected, "{line}");
    }
}

#[test]
fn words_behind_odd_characters_of_a_token_are_seen() {
    for (line, expected) in [
        (
            "no-store|max-age=0",
            &["no-store|max-age=0", "?no-store", "?max-age=0", "?0"][..],
        ),
        ("private&x", &["private&x", "?private", "?x"]),
        ("x=a.private", &["x=a.private", "?a", "?private"]),
        ("x|y=\"private\"", &["x|y=private", "?x", "?y="]),
    ] {
        assert_eq!(parts(line), expected, "{line}");
    }
}
