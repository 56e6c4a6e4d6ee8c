//! Cache-Control for responses that no cache but the viewer's own may keep (RFC 9111, section 5.2.2.7).

/// Makes a Cache-Control private: without what invites shared caches, and with `private`. How long the browser may keep
/// it stays.
pub(crate) fn private(said: &str) -> String {
    let mut members: Vec<&str> = members(said)
        .into_iter()
        .filter(|member| {
            let name = member.split('=').next().unwrap_or(member).trim();
            let shared = ["public", "s-maxage", "proxy-revalidate", "private"];
            !name.is_empty() && !shared.iter().any(|other| name.eq_ignore_ascii_case(other))
        })
        .collect();
    members.push("private");
    members.join(", ")
}

/// The members of a list; a comma in a quoted text ends none.
fn members(list: &str) -> Vec<&str> {
    let (mut members, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in list.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                members.push(list.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    members.push(list.get(start..).unwrap_or_default().trim());
    members
}
