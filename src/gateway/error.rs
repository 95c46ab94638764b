use std::io;

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
pub enum GatewayError {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`")]
    #[diagnostic(code(okra::gateway::listen))]
    Listen {
        /// As it was given.
        address: String,
        /// What the system says.
        source: io::Error,
        /// What to do.
        #[help]
        help: &'static str,
    },
}

impl GatewayError {
    pub(super) fn listen(address: &str, source: io::Error) -> Self {
        let help = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "something else listens there: choose another port with --listen HOST:PORT (port 0 takes any free one)"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need special rights: choose another one with --listen HOST:PORT"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine does not have that address: choose another one with --listen HOST:PORT, such as --listen \
                 0.0.0.0:8080 for all it has"
            }
            _ => "give an address of this machine with --listen HOST:PORT, such as --listen 127.0.0.1:8080",
        };
        Self::Listen { address: address.to_owned(), source, help }
    }
}
