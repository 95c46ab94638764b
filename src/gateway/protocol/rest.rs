//! REST by `google.api.http`. <https://github.com/googleapis/googleapis/blob/master/google/api/http.proto>
//!
//! The routes themselves are in [`routes`](crate::routes).

pub(crate) mod binding;
mod codecs;
mod http_body;
mod json_lines;
mod parameter;
mod serve;

pub(crate) use serve::{refuse_verb, serve};
