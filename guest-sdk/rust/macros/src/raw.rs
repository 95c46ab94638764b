//! Services on encoded messages: the SDK's trait in place of wit-bindgen's.

use proc_macro2::TokenStream;
use quote::quote;

use crate::modules::path;
use crate::project::Project;

/// Whatever implements the SDK's trait `Raw` implements the trait of the export; nothing in a project without such services.
pub(crate) fn implementation(project: &Project) -> TokenStream {
    let Some(id) = project.exports().find(|id| project.is_hosts(*id)) else { return TokenStream::new() };
    let module = path(project, id, true, 1);
    quote! {
        mod __okra_raw {
            use ::okra_guest::Error;
            use ::okra_guest::raw::{Raw, RequestReader, ResponseWriter};

            impl<T: Raw> #module::Guest for T {
                fn handle(method: String, request: Vec<u8>) -> Result<Vec<u8>, Error> {
                    <T as Raw>::handle(method, request)
                }

                fn handle_stream(
                    method: String,
                    requests: &RequestReader,
                    responses: &ResponseWriter,
                ) -> Result<(), Error> {
                    <T as Raw>::handle_stream(method, requests, responses)
                }
            }
        }
    }
}
