//! "Did you mean": the known name nearest to a mistyped one.

/// The candidate nearest to `typed`, if one is near enough to be worth asking about.
///
/// Spelling variants (`default-ttl`, `DefaultTTL` for `default_ttl`) always count as near; otherwise two
/// letters, or a third of a long name, may differ (one in a short name).
pub(super) fn closest<'a>(
    typed: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = plain(typed);
    if typed.len() > 64 {
        return None;
    }
    let most = match typed.len() {
        0..=3 => 1,
        length => (length / 3).max(2),
    };
    let near = |candidate: &'a str| {
        let distance = edits(&typed, &plain(candidate));
        (distance <= most).then_some((distance, candidate))
    };
    let best = candidates.into_iter().filter_map(near).min();
    best.map(|(_, candidate)| candidate)
}

/// A name without the differences of style.
fn plain(name: &str) -> Vec<char> {
    let style = |c: &char| !matches!(c, '-' | '_' | ' ');
    name.chars()
        .filter(style)
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many letters must be inserted, removed or replaced (Levenshtein's distance).
fn edits(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, b) in row.iter_mut().skip(1).zip(to) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_is_recognised_and_something_else_is_not() {
        let keys = ["origin", "default_ttl", "allowed_methods"];
        assert_eq!(closest("orgin", keys), Some("origin"));
        assert_eq!(closest("DefaultTTL", keys), Some("default_ttl"));
        assert_eq!(closest("allowed-method", keys), Some("allowed_methods"));
        assert_eq!(closest("workers", keys), None);
        assert_eq!(closest(&"a".repeat(100_000), keys), None);
    }

    #[test]
    fn the_distance_counts_single_edits() {
        let edits = |a: &str, b: &str| {
            super::edits(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", ""), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }
}
