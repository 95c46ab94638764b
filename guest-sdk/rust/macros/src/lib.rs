//! The macro of `okra-guest`; its documentation is there.

mod bindings;
mod interfaces;
mod keywords;
mod project;
mod raw;

use proc_macro::TokenStream;
use quote::quote;

use project::Project;

/// Makes Rust of the WIT in the project's `wit/` folder: see `okra_guest::generate!`.
#[proc_macro]
pub fn generate(input: TokenStream) -> TokenStream {
    let made =
        if input.is_empty() { expand() } else { Err("`generate!` takes nothing: write `generate!();`".to_owned()) };
    match made {
        Ok(code) => code.into(),
        Err(message) => {
            let nothing = quote!(
                macro_rules! okra_export {
                    ($service:ident) => {};
                }
            );
            quote!(::core::compile_error!(#message); #nothing).into()
        }
    }
}

fn expand() -> Result<proc_macro2::TokenStream, String> {
    let mut project = Project::load()?;
    let interfaces = interfaces::interfaces(&project);
    let raw = raw::implementation(&project);
    let messages = project.messages_path()?;
    let bindings = bindings::bindings(&mut project)?;
    let files = project.files.iter().map(|file| file.display().to_string());
    Ok(quote! {
        #[doc(hidden)]
        #[allow(warnings, unsafe_code)]
        mod __okra {
            #bindings
            // So that the compiler looks again when one of them changes.
            #(const _: &[u8] = ::core::include_bytes!(#files);)*
        }

        #interfaces

        ::core::include!(#messages);

        #raw

        #[allow(unused_macros)]
        macro_rules! okra_export {
            ($service:ident) => {
                self::__okra::export!($service with_types_in self::__okra);
            };
        }
    })
}
