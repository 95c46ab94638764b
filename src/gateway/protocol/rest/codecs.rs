//! The codecs of a REST request and its response: JSON, or protobuf for clients that have its encoding anyway.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::call::Codec;
use crate::gateway::call::response::media_type;

/// The codecs of a call at the path of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestCodecs {
    /// The codec of the body; `None` for a content type that is neither JSON nor protobuf.
    pub(crate) request: Option<Codec>,
    /// The codec that the client accepts: without a preference that of the body.
    pub(crate) response: Codec,
}

impl RestCodecs {
    /// Reads the codecs of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let request = headers.get(CONTENT_TYPE).and_then(|content_type| codec_of(&media_type(content_type)));
        Self { request, response: accepted_codec(headers).or(request).unwrap_or(Codec::Json) }
    }
}

fn codec_of(media_type: &[u8]) -> Option<Codec> {
    match media_type {
        b"application/json" => Some(Codec::Json),
        b"application/x-protobuf" | b"application/protobuf" => Some(Codec::Proto),
        _ => None,
    }
}

/// Returns the codec that the client prefers by its header `accept`: the one with the greater weight, of equal weights the
/// one that is named first. `None` when it names none.
fn accepted_codec(headers: &HeaderMap) -> Option<Codec> {
    let lines = headers.get_all(ACCEPT).into_iter().map(HeaderValue::as_bytes);
    let mut best: Option<(f32, Codec)> = None;
    for entry in lines.flat_map(|line| line.split(|byte| *byte == b',')) {
        let mut parts = entry.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| std::str::from_utf8(part.strip_prefix(b"q=")?).ok()?.parse::<f32>().ok());
        let weight = weight.unwrap_or(1.0);
        if let Some(codec) = codec_of(&name)
            && weight > 0.0
            && best.is_none_or(|(other, _)| weight > other)
        {
            best = Some((weight, codec));
        }
    }
    best.map(|(_, codec)| codec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codec_of_the_response_is_the_accepted_one_or_that_of_the_request() {
        for (content_type, accept, wanted) in [
            ("", "", Codec::Json),
            ("application/x-protobuf", "", Codec::Proto),
            ("application/x-protobuf", "*/*", Codec::Proto),
            ("application/protobuf", "application/json", Codec::Json),
            ("application/json", "application/x-protobuf", Codec::Proto),
            ("application/json", "text/html, application/json;q=0.1, application/protobuf;q=0.2", Codec::Proto),
            ("application/json", "application/x-protobuf;q=0", Codec::Json),
            ("", "application/json, application/x-protobuf", Codec::Json),
        ] {
            let headers =
                [(CONTENT_TYPE, content_type), (ACCEPT, accept)].into_iter().filter(|(_, value)| !value.is_empty());
            let headers = HeaderMap::from_iter(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
            assert_eq!(RestCodecs::of(&headers).response, wanted, "{content_type} {accept}");
        }
    }
}
