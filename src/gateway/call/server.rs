//! Admits calls and holds what serves them: the handler, the calls in flight, the limits.

use std::sync::Arc;

use http::Method as Verb;
use http::request::Parts;

use crate::call::{CallHandler, Codec, Deadline, Protocol, Status};
use crate::gateway::call::http_body::HttpBodyOutput;
use crate::gateway::call::in_flight::CallsInFlight;
use crate::gateway::call::incoming::IncomingCall;
use crate::gateway::call::message_output::MessageOutput;
use crate::gateway::call::request_reader::{RequestBounds, RequestReader, limit_echo};
use crate::gateway::catalog::{CatalogMethod, MethodRef};
use crate::gateway::peer::Peer;
use crate::gateway::settings::GatewaySettings;

/// The handler, the record of calls in flight and the settings, which all calls of a gateway share.
pub(crate) struct CallServer {
    pub(crate) handler: Arc<dyn CallHandler>,
    pub(crate) in_flight: Arc<CallsInFlight>,
    pub(crate) settings: GatewaySettings,
}

/// The protocol and the encodings of a call.
pub(crate) struct CallFormat {
    pub(crate) protocol: Protocol,
    pub(crate) codec: Codec,
    /// How response messages are written; `None` when they are sent as they are.
    pub(crate) message_output: Option<MessageOutput>,
    /// The `google.api.HttpBody` whose data is sent instead of a message; `None` sends messages.
    pub(crate) http_body: Option<HttpBodyOutput>,
}

/// The head of a request as its protocol reads it.
pub(crate) struct RequestHead {
    pub(crate) deadline: Option<Deadline>,
    pub(crate) request_reader: RequestReader,
}

impl CallFormat {
    /// Makes the format of a call whose messages are whole messages of the method.
    pub(crate) fn new(protocol: Protocol, codec: Codec, method: &CatalogMethod) -> Self {
        let message_output = (codec == Codec::Json).then(|| MessageOutput::Json(method.output()));
        Self { protocol, codec, message_output, http_body: None }
    }
}

impl CallServer {
    /// Returns the bounds of the requests of a method.
    pub(crate) fn request_bounds(&self, method: &CatalogMethod) -> RequestBounds {
        RequestBounds {
            max_bytes: self.settings.max_request.min(method.message_sizes().max_request),
            body_timeout: self.settings.body_timeout,
        }
    }

    /// Counts a call in and reads its head with `read_head`.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when the server is full, or the error of `read_head`. The call is over then, and on the log.
    pub(crate) fn admit(
        &self,
        MethodRef { service, method }: MethodRef<'_>,
        parts: &Parts,
        peer: &Arc<Peer>,
        format: CallFormat,
        read_head: impl FnOnce(&Parts) -> Result<RequestHead, Status>,
    ) -> Result<IncomingCall, Status> {
        let mut guard = self.in_flight.begin(service.name(), method.name(), peer);
        let head = guard.check_admitted().and_then(|()| read_head(parts)).map_err(limit_echo);
        let RequestHead { deadline, request_reader } = head.inspect_err(|status| guard.set_outcome(Err(status)))?;
        let query = (parts.method == Verb::GET).then(|| parts.uri.query().unwrap_or_default().to_owned());
        let context = peer
            .context(service, method, parts)
            .with_protocol(format.protocol, format.codec)
            .with_deadline(deadline)
            .with_get_query(query);
        guard.charge_headers(context.metadata.memory_size()).inspect_err(|status| guard.set_outcome(Err(status)))?;
        let max_response_bytes = self.settings.max_response.min(method.message_sizes().max_response);
        let max_trailer_bytes = self.settings.max_trailers;
        let message_output = format.message_output;
        Ok(IncomingCall { context, request_reader, message_output, max_response_bytes, max_trailer_bytes, guard })
    }
}
