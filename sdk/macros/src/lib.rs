//! The attribute macros of the Selvedge SDK, one for each hook that a plugin can implement.
//!
//! An attribute leaves the function as it is, so that tests call it like any other, and adds the code that
//! exports it under the name of its hook in the contract `selvedge:edge`. That code exists on WebAssembly only:
//! the export names hold `:` and `#`, which linkers of native libraries refuse. Elsewhere the attribute checks
//! the function's type, so that a mistake shows in `cargo test` already.
//!
//! Plugin authors use these through `selvedge_sdk::prelude`.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn};

/// How one hook is exported.
struct Hook {
    /// The attribute's name and the module of `selvedge_sdk::__private` with its glue.
    module: &'static str,
    /// The function of the contract that the host calls.
    function: &'static str,
    /// The readers that the hook gets, in order.
    readers: &'static [&'static str],
    /// The SDK's name of the decision.
    decision: &'static str,
}

/// Decides what makes two requests the same for the cache.
///
/// Goes on `fn(&Request) -> Result<KeyDecision>`. The host runs it before the cache look-up.
#[proc_macro_attribute]
pub fn cache_key(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let hook = Hook {
        module: "cache_key",
        function: "decide",
        readers: &["Request"],
        decision: "KeyDecision",
    };
    expand(&hook, arguments, item)
}

/// Decides which origin answers.
///
/// Goes on `fn(&Request) -> Result<OriginDecision>`. The host runs it when an origin has to be asked, not on a hit.
#[proc_macro_attribute]
pub fn origin_selection(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let hook = Hook {
        module: "origin_selection",
        function: "select",
        readers: &["Request"],
        decision: "OriginDecision",
    };
    expand(&hook, arguments, item)
}

/// Decides how long a response may be used.
///
/// Goes on `fn(&Request, &Response) -> Result<TtlDecision>`. The host runs it when an origin has answered, before
/// the response is stored.
#[proc_macro_attribute]
pub fn ttl(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let hook = Hook {
        module: "ttl",
        function: "decide",
        readers: &["Request", "Response"],
        decision: "TtlDecision",
    };
    expand(&hook, arguments, item)
}

fn expand(hook: &Hook, arguments: TokenStream, item: TokenStream) -> TokenStream {
    // The item stays even where the attribute is wrong, so that one mistake gives one error.
    let unchanged = proc_macro2::TokenStream::from(item.clone());
    match glue(hook, arguments.into(), item) {
        Ok(glue) => quote! { #unchanged #glue },
        Err(error) => {
            let error = error.into_compile_error();
            quote! { #unchanged #error }
        }
    }
    .into()
}

fn glue(
    hook: &Hook,
    arguments: proc_macro2::TokenStream,
    item: TokenStream,
) -> Result<proc_macro2::TokenStream, Error> {
    let function: ItemFn = syn::parse(item).map_err(|error| {
        Error::new(
            error.span(),
            format!("#[{}] goes on a function: {}", hook.module, hook.shape()),
        )
    })?;
    if !arguments.is_empty() {
        return Err(Error::new(
            arguments.span(),
            format!("#[{}] takes no arguments", hook.module),
        ));
    }
    let signature = &function.sig;
    if signature.asyncness.is_some()
        || !signature.generics.params.is_empty()
        || signature.inputs.len() != hook.readers.len()
    {
        return Err(Error::new(
            signature.ident.span(),
            format!("#[{}] needs the shape {}", hook.module, hook.shape()),
        ));
    }
    Ok(hook.exported(&signature.ident))
}

impl Hook {
    /// The function's type as an author writes it, for messages.
    fn shape(&self) -> String {
        let readers: Vec<String> = self
            .readers
            .iter()
            .map(|reader| format!("{}: &{reader}", reader.to_lowercase()))
            .collect();
        format!("fn({}) -> Result<{}>", readers.join(", "), self.decision)
    }

    fn exported(&self, name: &syn::Ident) -> proc_macro2::TokenStream {
        let site = proc_macro2::Span::call_site();
        let module = syn::Ident::new(self.module, site);
        let call = syn::Ident::new(self.function, site);
        let decision = syn::Ident::new(self.decision, site);
        let readers: Vec<_> = self
            .readers
            .iter()
            .map(|reader| syn::Ident::new(reader, site))
            .collect();
        let values: Vec<_> = self
            .readers
            .iter()
            .map(|reader| syn::Ident::new(&reader.to_lowercase(), site))
            .collect();
        // With the function's span, so that a type error points at the function.
        let checked = quote_spanned! { name.span() =>
            const HOOK: fn(#(&::selvedge_sdk::#readers),*)
                -> ::selvedge_sdk::Result<::selvedge_sdk::#decision> = #name;
        };
        quote! {
            const _: () = {
                #checked

                #[cfg(not(target_family = "wasm"))]
                const _: fn() = || { let _ = HOOK; };

                #[cfg(target_family = "wasm")]
                struct Exported;

                #[cfg(target_family = "wasm")]
                impl ::selvedge_sdk::__private::#module::Guest for Exported {
                    fn #call(
                        #(#values: &::selvedge_sdk::#readers),*
                    ) -> ::core::result::Result<::selvedge_sdk::#decision, ::std::string::String> {
                        ::selvedge_sdk::__private::answer(HOOK(#(#values),*))
                    }
                }

                #[cfg(target_family = "wasm")]
                ::selvedge_sdk::__private::#module::export!(
                    Exported with_types_in ::selvedge_sdk::__private::#module
                );
            };
        }
    }
}
