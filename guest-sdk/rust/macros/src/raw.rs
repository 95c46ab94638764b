//! Services on encoded messages: the SDK's trait in place of wit-bindgen's.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use crate::interfaces::package_module;
use crate::project::Project;

/// Whatever implements the SDK's trait `Raw` implements the trait of the export; nothing in a project without such services.
pub(crate) fn implementation(project: &Project) -> TokenStream {
    let Some(id) = project.exports().find(|id| project.is_hosts(*id)) else { return TokenStream::new() };
    let Some(package) = project.interface(id).package else { return TokenStream::new() };
    let module = Ident::new(&package_module(project, package), Span::call_site());
    quote! {
        mod __okra_raw {
            use ::okra_guest::Error;
            use ::okra_guest::bindings::okra::service::raw_streams;
            pub use ::okra_guest::raw::*;

            impl<T: Raw> super::__okra_wit_exports::#module::raw::Guest for T {
                fn handle(method: String, request: Vec<u8>) -> Result<Vec<u8>, Error> {
                    <T as Raw>::handle(method, request)
                }

                fn handle_stream(
                    method: String,
                    requests: &raw_streams::RequestReader,
                    responses: &raw_streams::ResponseWriter,
                ) -> Result<(), Error> {
                    let (requests, responses) = (RequestReader::lent(requests), ResponseWriter::from_ref(responses));
                    <T as Raw>::handle_stream(method, &requests, responses)
                }
            }
        }
    }
}
