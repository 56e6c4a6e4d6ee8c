//! The selection of query parameters: the first line has the names, the second the query.
#![no_main]

use config::NameSet;
use libfuzzer_sys::fuzz_target;

#[macro_use]
#[path = "../../sdk/macros/src/hooks.rs"]
mod hook_table;
#[allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
#[path = "../../host/src/config/mod.rs"]
mod config;
#[allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
#[path = "../../host/src/files/mod.rs"]
mod files;
#[allow(dead_code, unreachable_pub)]
#[path = "../../host/src/pipeline/query.rs"]
mod query;

fuzz_target!(|text: &str| {
    let Some((names, asked)) = text.split_once('\n') else {
        return;
    };
    let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let (only, except) = (NameSet::only(names.clone()), NameSet::except(names));
    let count = |query: Option<&str>| {
        query.map_or(0, |query| {
            query.split('&').filter(|part| !part.is_empty()).count()
        })
    };
    let of = |set: &NameSet| {
        let selected = query::select(Some(asked), set);
        let sorted = query::select_sorted(Some(asked), set);
        assert_eq!(
            count(selected.as_deref()),
            count(sorted.as_deref()),
            "order says nothing about what is selected"
        );
        let again = selected
            .as_deref()
            .and_then(|selected| query::select(Some(selected), set));
        assert_eq!(
            again.as_deref(),
            selected.as_deref(),
            "what was selected is selected again"
        );
        count(selected.as_deref())
    };
    assert_eq!(
        of(&only) + of(&except),
        count(Some(asked)),
        "each parameter is either among the names or not"
    );
    let either = query::select_either(Some(asked), &only, &except);
    assert_eq!(count(either.as_deref()), count(Some(asked)));
});
