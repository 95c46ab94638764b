//! Why the gateway cannot start.

use std::io;
use std::path::PathBuf;

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
    /// A file of certificates or keys cannot be read.
    #[error("cannot read {}", path.display())]
    #[diagnostic(code(okra::gateway::tls))]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of certificates or keys does not hold what it should.
    #[error("{} {what}", path.display())]
    #[diagnostic(
        code(okra::gateway::tls),
        help("give PEM files: the certificate with its chain, its private key, and for clients their authorities")
    )]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

impl GatewayError {
    pub(crate) fn listen(address: &str, source: io::Error) -> Self {
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
