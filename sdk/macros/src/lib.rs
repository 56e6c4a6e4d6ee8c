//! The attribute macros of the Selvedge SDK, one for each hook that a plugin can implement.
//!
//! An attribute leaves the function as it is, so that tests call it like any other, and adds the code that
//! exports it under the name of its hook in the contract `selvedge:edge`. That code exists on WebAssembly only:
//! the export names hold `:` and `#`, which linkers of native libraries refuse. Elsewhere the attribute checks
//! the function's type, so that a mistake shows in `cargo test` already.
//!
//! Plugin authors use these through `selvedge_sdk::prelude`.

#![forbid(unsafe_code)]

#[macro_use]
mod hooks;

use proc_macro::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, ItemFn};

/// Export of one hook.
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

macro_rules! attributes {
    ($({
        $hook:ident $module:ident $name:literal
        $function:ident($($argument:ident),*) -> $decision:ident
        asks $asks:literal
        runs $runs:literal
        $($rest:tt)*
    })*) => {
        $(
            #[doc = concat!("The hook `", $name, "`: ", $asks, ".")]
            ///
            #[doc = concat!(
                "Goes on a function with the arguments ", $("`&", stringify!($argument), "` ",)*
                "that returns `Result<", stringify!($decision), ">`. The host calls it ", $runs, "."
            )]
            #[proc_macro_attribute]
            pub fn $module(arguments: TokenStream, item: TokenStream) -> TokenStream {
                let hook = Hook {
                    module: stringify!($module),
                    function: stringify!($function),
                    readers: &[$(stringify!($argument)),*],
                    decision: stringify!($decision),
                };
                expand(&hook, arguments, item)
            }
        )*
    };
}

hooks!(attributes);

/// Prepares an instance of the plugin, before its first hook, and may refuse the configuration.
///
/// Goes on `fn() -> Result<()>`, or, with the SDK's feature `json`, on `fn(config: T) -> Result<()>` for a `T` that serde
/// reads from the plugin's table. What it returns as an error is what `selvedge check` says of the configuration.
#[proc_macro_attribute]
pub fn init(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let unchanged = proc_macro2::TokenStream::from(item.clone());
    let shape = "fn() -> Result<()>, or fn(config: T) -> Result<()>";
    let glue = match function("init", shape, 0..=1, arguments.into(), item) {
        Ok(signature) => exported_init(&signature),
        Err(error) => error.into_compile_error(),
    };
    quote! { #unchanged #glue }.into()
}

fn expand(hook: &Hook, arguments: TokenStream, item: TokenStream) -> TokenStream {
    // The item stays even where the attribute is wrong, so that one mistake gives one error.
    let unchanged = proc_macro2::TokenStream::from(item.clone());
    let readers = hook.readers.len();
    let readers = readers..=readers;
    let glue = match function(hook.module, &hook.shape(), readers, arguments.into(), item) {
        Ok(signature) => hook.exported(&signature.ident),
        Err(error) => error.into_compile_error(),
    };
    quote! { #unchanged #glue }.into()
}

/// The signature of the function that an attribute goes on, if it has the right shape as far as can be seen here.
fn function(
    attribute: &str,
    shape: &str,
    parameters: std::ops::RangeInclusive<usize>,
    arguments: proc_macro2::TokenStream,
    item: TokenStream,
) -> Result<syn::Signature, Error> {
    let function: ItemFn = syn::parse(item).map_err(|error| {
        Error::new(
            error.span(),
            format!("#[{attribute}] goes on a function: {shape}"),
        )
    })?;
    if !arguments.is_empty() {
        return Err(Error::new(
            arguments.span(),
            format!("#[{attribute}] takes no arguments"),
        ));
    }
    let signature = function.sig;
    if signature.asyncness.is_some()
        || !signature.generics.params.is_empty()
        || !parameters.contains(&signature.inputs.len())
    {
        return Err(Error::new(
            signature.ident.span(),
            format!("#[{attribute}] needs the shape {shape}"),
        ));
    }
    Ok(signature)
}

fn exported_init(signature: &syn::Signature) -> proc_macro2::TokenStream {
    let name = &signature.ident;
    let checked = if signature.inputs.is_empty() {
        quote_spanned! { name.span() =>
            const INIT: fn() -> ::selvedge_sdk::Result<()> = #name;
        }
    } else {
        quote_spanned! { name.span() =>
            const INIT: fn() -> ::selvedge_sdk::Result<()> =
                || #name(::selvedge_sdk::config::read()?);
        }
    };
    quote! {
        const _: () = {
            #checked

            #[cfg(not(target_family = "wasm"))]
            const _: fn() = || { let _ = INIT; };

            #[cfg(target_family = "wasm")]
            struct Exported;

            #[cfg(target_family = "wasm")]
            impl ::selvedge_sdk::__private::lifecycle::Guest for Exported {
                fn init() -> ::core::result::Result<(), ::std::string::String> {
                    ::selvedge_sdk::__private::lifecycle::answer(INIT())
                }
            }

            #[cfg(target_family = "wasm")]
            ::selvedge_sdk::__private::lifecycle::export!(
                Exported with_types_in ::selvedge_sdk::__private::lifecycle
            );
        };
    }
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
        // The one hook whose decision holds resources of the contract.
        let resources = (self.module == "origin_response").then(|| {
            quote! {
                type Transform = ::selvedge_sdk::__private::origin_response::ExportedTransform;
                type Producer = ::selvedge_sdk::__private::origin_response::ExportedProducer;
            }
        });
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
                    #resources

                    fn #call(
                        #(#values: &::selvedge_sdk::#readers),*
                    ) -> ::core::result::Result<
                        ::selvedge_sdk::__private::#module::Decision,
                        ::std::string::String,
                    > {
                        ::selvedge_sdk::__private::#module::answer(HOOK(#(#values),*))
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
