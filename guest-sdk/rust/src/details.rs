//! The details that errors usually carry: messages of `google/rpc/error_details.proto`, which clients of every language know.
//!
//! ```
//! use okra_guest::{Error, details::BadRequest};
//!
//! let mut wrong = BadRequest::default();
//! wrong.violation("name", "must not be empty");
//! let error = Error::invalid_argument("the request has a mistake").with(wrong);
//!
//! // Of an error that a call returned:
//! let wrong: Option<BadRequest> = error.detail()?;
//! assert_eq!(wrong.unwrap_or_default().field_violations[0].field, "name");
//! # Ok::<(), okra_guest::Error>(())
//! ```
//!
//! A message of the project goes with `error.with(Any::pack(&message)?)`, and is read by
//! [`Error::detail`](crate::Error::detail), too.

use std::time::Duration as StdDuration;

use crate::message::fields::message;
use crate::well_known::{self, Duration, TYPES};
use crate::{Detail, Message};

macro_rules! details {
    ($($type:ident)+) => {
        $(
            impl From<$type> for Detail {
                fn from(detail: $type) -> Self {
                    let encoded = detail.encode_to_vec();
                    debug_assert!(encoded.is_ok(), "these messages are neither deep nor JSON");
                    Self { type_url: well_known::type_url($type::FULL_NAME), value: encoded.unwrap_or_default() }
                }
            }
        )+
    };
}

details! {
    BadRequest DebugInfo ErrorInfo Help LocalizedMessage PreconditionFailure QuotaFailure RequestInfo ResourceInfo RetryInfo
}

message! {
    TYPES,
    /// `google.rpc.BadRequest`: which fields of a request are wrong. Goes with `INVALID_ARGUMENT`.
    BadRequest "google.rpc.BadRequest" {
        /// The fields.
        0 field_violations: Vec<FieldViolation>, 1 "field_violations" "fieldViolations" Many Message Repeated;
    }
}

message! {
    TYPES,
    /// A field that is wrong.
    FieldViolation "google.rpc.BadRequest.FieldViolation" {
        /// Its path, such as `lines[1].unit_price`.
        0 field: String, 1 "field" "field" One Scalar(String) Implicit;
        /// Why it is wrong, for people who develop.
        1 description: String, 2 "description" "description" One Scalar(String) Implicit;
        /// The cause, for programs, such as `NAME_EMPTY`.
        2 reason: String, 3 "reason" "reason" One Scalar(String) Implicit;
        /// Why it is wrong, for people who use it.
        3 localized_message: Option<LocalizedMessage>, 4 "localized_message" "localizedMessage" Maybe Message Optional;
    }
}

message! {
    TYPES,
    /// `google.rpc.ErrorInfo`: why a call failed, for programs.
    ErrorInfo "google.rpc.ErrorInfo" {
        /// The cause, such as `CARD_EXPIRED`; unique within the domain.
        0 reason: String, 1 "reason" "reason" One Scalar(String) Implicit;
        /// Whose reason it is, such as `billing.shop.example`.
        1 domain: String, 2 "domain" "domain" One Scalar(String) Implicit;
        /// What else there is to know: names and values.
        2 metadata: Vec<(String, String)>, 3 "metadata" "metadata" Map Scalar(String) Map(String);
    }
}

message! {
    TYPES,
    /// `google.rpc.RetryInfo`: when the call may be tried again. Goes with `UNAVAILABLE` and `RESOURCE_EXHAUSTED`.
    RetryInfo "google.rpc.RetryInfo" {
        /// How long to wait at least.
        0 retry_delay: Option<Duration>, 1 "retry_delay" "retryDelay" Maybe Message Optional;
    }
}

message! {
    TYPES,
    /// `google.rpc.DebugInfo`: where it happened, for people who develop.
    DebugInfo "google.rpc.DebugInfo" {
        /// The stack trace.
        0 stack_entries: Vec<String>, 1 "stack_entries" "stackEntries" Many Scalar(String) Repeated;
        /// What else there is to know.
        1 detail: String, 2 "detail" "detail" One Scalar(String) Implicit;
    }
}

message! {
    TYPES,
    /// `google.rpc.QuotaFailure`: which quotas are used up. Goes with `RESOURCE_EXHAUSTED`.
    QuotaFailure "google.rpc.QuotaFailure" {
        /// The quotas.
        0 violations: Vec<QuotaViolation>, 1 "violations" "violations" Many Message Repeated;
    }
}

message! {
    TYPES,
    /// A quota that is used up.
    QuotaViolation "google.rpc.QuotaFailure.Violation" {
        /// Whose quota it is, such as `project:shop`.
        0 subject: String, 1 "subject" "subject" One Scalar(String) Implicit;
        /// Which quota it is.
        1 description: String, 2 "description" "description" One Scalar(String) Implicit;
    }
}

message! {
    TYPES,
    /// `google.rpc.PreconditionFailure`: what is not as it must be. Goes with `FAILED_PRECONDITION`.
    PreconditionFailure "google.rpc.PreconditionFailure" {
        /// The conditions.
        0 violations: Vec<PreconditionViolation>, 1 "violations" "violations" Many Message Repeated;
    }
}

message! {
    TYPES,
    /// A condition that does not hold.
    PreconditionViolation "google.rpc.PreconditionFailure.Violation" {
        /// What kind of condition it is, such as `TOS`.
        0 type_: String, 1 "type" "type" One Scalar(String) Implicit;
        /// What it is about, such as `shop.example/terms`.
        1 subject: String, 2 "subject" "subject" One Scalar(String) Implicit;
        /// What to do about it.
        2 description: String, 3 "description" "description" One Scalar(String) Implicit;
    }
}

message! {
    TYPES,
    /// `google.rpc.RequestInfo`: which request it was, for those who look into it.
    RequestInfo "google.rpc.RequestInfo" {
        /// Its name in the log of the service.
        0 request_id: String, 1 "request_id" "requestId" One Scalar(String) Implicit;
        /// What the service needs to look into it, such as an encrypted stack trace.
        1 serving_data: String, 2 "serving_data" "servingData" One Scalar(String) Implicit;
    }
}

message! {
    TYPES,
    /// `google.rpc.ResourceInfo`: the resource that a call was about. Goes with `NOT_FOUND` and `ALREADY_EXISTS`.
    ResourceInfo "google.rpc.ResourceInfo" {
        /// Its type.
        0 resource_type: String, 1 "resource_type" "resourceType" One Scalar(String) Implicit;
        /// Its name.
        1 resource_name: String, 2 "resource_name" "resourceName" One Scalar(String) Implicit;
        /// Its owner.
        2 owner: String, 3 "owner" "owner" One Scalar(String) Implicit;
        /// What is the matter with it.
        3 description: String, 4 "description" "description" One Scalar(String) Implicit;
    }
}

message! {
    TYPES,
    /// `google.rpc.Help`: where to read more.
    Help "google.rpc.Help" {
        /// The pages.
        0 links: Vec<Link>, 1 "links" "links" Many Message Repeated;
    }
}

message! {
    TYPES,
    /// A page to read.
    Link "google.rpc.Help.Link" {
        /// What is there.
        0 description: String, 1 "description" "description" One Scalar(String) Implicit;
        /// Its address.
        1 url: String, 2 "url" "url" One Scalar(String) Implicit;
    }
}

message! {
    TYPES,
    /// `google.rpc.LocalizedMessage`: an error message for people, in their language.
    LocalizedMessage "google.rpc.LocalizedMessage" {
        /// The language by BCP 47, such as `de-CH`.
        0 locale: String, 1 "locale" "locale" One Scalar(String) Implicit;
        /// The text.
        1 message: String, 2 "message" "message" One Scalar(String) Implicit;
    }
}

impl BadRequest {
    /// Adds a field that is wrong. `field` is its path, such as `lines[1].unit_price`; `description` says why, for people
    /// who develop.
    pub fn violation(&mut self, field: impl Into<String>, description: impl Into<String>) {
        let (field, description) = (field.into(), description.into());
        self.field_violations.push(FieldViolation { field, description, ..FieldViolation::default() });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.field_violations.is_empty()
    }
}

impl RetryInfo {
    /// Says to wait at least this long.
    pub fn after(delay: StdDuration) -> Self {
        Self { retry_delay: Some(delay.into()) }
    }

    /// Returns how long to wait at least. None if that is not said, or negative.
    pub fn delay(&self) -> Option<StdDuration> {
        StdDuration::try_from(self.retry_delay?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn details_are_written_as_protobuf_and_read_again() {
        let mut wrong = BadRequest::default();
        wrong.violation("a", "bc");
        let detail = Detail::from(wrong.clone());
        assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.BadRequest");
        assert_eq!(detail.value, b"\x0a\x07\x0a\x01a\x12\x02bc");

        let info = ErrorInfo { reason: "R".into(), domain: "D".into(), metadata: vec![("k".into(), "v".into())] };
        assert_eq!(Detail::from(info.clone()).value, b"\x0a\x01R\x12\x01D\x1a\x06\x0a\x01k\x12\x01v");

        let retry = RetryInfo::after(StdDuration::new(300, 5));
        assert_eq!(Detail::from(retry.clone()).value, b"\x0a\x05\x08\xac\x02\x10\x05");

        let error = Error::unavailable("busy").with(retry.clone()).with(info.clone()).with(wrong.clone());
        assert_eq!(error.detail().unwrap(), Some(retry));
        assert_eq!(error.detail().unwrap(), Some(info));
        assert_eq!(error.detail().unwrap(), Some(wrong));
        assert_eq!(error.detail::<Help>().unwrap(), None);
        assert!(error.with_detail("x/google.rpc.Help", [0xff]).detail::<Help>().is_err());
    }

    #[test]
    fn a_delay_that_no_one_can_wait_is_none() {
        assert_eq!(RetryInfo::default().delay(), None);
        assert_eq!(RetryInfo { retry_delay: Some(Duration { seconds: -1, nanos: 0 }) }.delay(), None);
        assert_eq!(RetryInfo::after(StdDuration::from_secs(2)).delay(), Some(StdDuration::from_secs(2)));
    }
}
