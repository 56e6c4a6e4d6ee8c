//! The language that a viewer likes best among those that a site has (RFC 9110, section 12.5.4; RFC 4647, section 3.4).

/// How many members of Accept-Language are looked at.
const MEMBERS: usize = 32;

/// A member of Accept-Language: a range, and its quality in thousandths.
struct Accepted<'a> {
    range: &'a str,
    quality: u16,
}

/// The best match. Ranges are tried in the order of their quality, and of their place where that is the same. `de-CH` takes
/// `de-CH`, else `de`; `pt` takes `pt`, else the first language of the list that begins with `pt-`; `*` takes the default.
/// Ranges with quality 0 are not taken. If no language fits, the default is returned.
pub(crate) fn best<'l>(accept: &str, languages: &'l [String], default: &'l str) -> &'l str {
    let mut accepted: Vec<Accepted<'_>> =
        accept.split(',').take(MEMBERS).filter_map(member).collect();
    // Stable, so equals stay in their order.
    accepted.sort_by_key(|member| std::cmp::Reverse(member.quality));
    let wanted = accepted.partition_point(|member| member.quality > 0);
    let (wanted, refused) = accepted.split_at(wanted);
    let welcome = |language: &str| {
        !refused
            .iter()
            .any(|member| member.range != "*" && covers(member.range, language))
            || wanted
                .iter()
                .any(|member| member.range.eq_ignore_ascii_case(language))
    };
    wanted
        .iter()
        .find_map(|member| look_up(member.range, languages, default, &welcome))
        .unwrap_or(default)
}

/// `de-CH;q=0.8`. One that is malformed counts for nothing.
fn member(text: &str) -> Option<Accepted<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().filter(|range| !range.is_empty())?;
    let weight = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let quality = match weight {
        None => 1000,
        Some(weight) => thousandths(weight)?,
    };
    Some(Accepted { range, quality })
}

/// `0`, `0.5`, `1.000` (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

fn look_up<'l>(
    range: &str,
    languages: &'l [String],
    default: &'l str,
    welcome: &impl Fn(&str) -> bool,
) -> Option<&'l str> {
    let mut candidates = languages
        .iter()
        .map(String::as_str)
        .filter(|language| welcome(language));
    if range == "*" {
        return match welcome(default) {
            true => Some(default),
            false => candidates.next(),
        };
    }
    let candidates: Vec<&str> = candidates.collect();
    let exactly = |wanted: &str| {
        let mut candidates = candidates.iter();
        candidates
            .find(|language| language.eq_ignore_ascii_case(wanted))
            .copied()
    };
    let mut shorter = range;
    loop {
        if let Some(found) = exactly(shorter) {
            return Some(found);
        }
        let Some(parent) = parent(shorter) else {
            break;
        };
        shorter = parent;
    }
    candidates
        .into_iter()
        .find(|language| covers(range, language))
}

/// The range without its last subtag, and without a single letter that then ends it (RFC 4647, section 3.4).
fn parent(range: &str) -> Option<&str> {
    let (parent, _) = range.rsplit_once('-')?;
    match parent.rsplit_once('-') {
        Some((before, last)) if last.len() == 1 => Some(before),
        _ => Some(parent),
    }
}

/// Returns true if a language is the range, or the range with further subtags (RFC 4647, section 3.3.1).
fn covers(range: &str, language: &str) -> bool {
    match language.split_at_checked(range.len()) {
        Some((start, rest)) => {
            start.eq_ignore_ascii_case(range) && (rest.is_empty() || rest.starts_with('-'))
        }
        None => false,
    }
}
