//! The protocol and the codec of a call: strings of open sets in the WIT, enums with an `Other` here.

use std::fmt;

macro_rules! open_set {
    ($(#[$doc:meta])+ $name:ident { $($(#[$case_doc:meta])+ $case:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$case_doc])+ $case,)+
            /// A value that this version of the SDK does not know, from a newer host.
            Other(String),
        }

        impl $name {
            /// Returns the text by which the host names it.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$case => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$case,)+
                    _ => Self::Other(text),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

open_set! {
    /// The protocol by which a call reached the host.
    Protocol {
        /// `grpc`.
        Grpc = "grpc",
        /// `grpc-web`.
        GrpcWeb = "grpc-web",
        /// `connect`.
        Connect = "connect",
        /// `rest`: JSON over HTTP, at a path of the method's `google.api.http` rule.
        Rest = "rest",
        /// `local`: from another component of the host, through its typed import.
        Local = "local",
    }
}

open_set! {
    /// The encoding of the messages between the client and the host. A handler gets typed messages in either case.
    Codec {
        /// `proto`.
        Proto = "proto",
        /// `json`.
        Json = "json",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_of_a_newer_host_is_kept() {
        assert_eq!(Protocol::from("rest".to_owned()), Protocol::Rest);
        let newer = Protocol::from("quic".to_owned());
        assert_eq!(newer, Protocol::Other("quic".to_owned()));
        assert_eq!((newer.to_string(), Codec::Json.to_string()), ("quic".to_owned(), "json".to_owned()));
    }
}
