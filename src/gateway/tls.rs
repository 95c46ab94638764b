//! TLS by rustls: certificates that follow their files, and clients that show one of theirs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::call::ClientIdentity;
use crate::gateway::error::GatewayError;

/// How often the files are read.
const INTERVAL: Duration = Duration::from_secs(1);

/// TLS for a listener.
///
/// TLS 1.2 and 1.3, with `h2` and `http/1.1` by ALPN.
#[derive(Debug)]
pub struct ServerTls {
    files: TlsFiles,
    current: Mutex<(TlsContents, Arc<ServerConfig>)>,
}

#[derive(Debug)]
struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
    clients: Option<PathBuf>,
}

#[derive(Debug, PartialEq, Eq)]
struct TlsContents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    clients: Option<Vec<u8>>,
}

impl ServerTls {
    /// Reads PEM files: the server's certificate with its chain, its key and, when clients must show a certificate, those
    /// of the authorities that sign them.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should.
    pub fn load(certificate: PathBuf, key: PathBuf, clients: Option<PathBuf>) -> Result<Self, GatewayError> {
        let files = TlsFiles { certificate, key, clients };
        let contents = files.read()?;
        let config = files.config(&contents)?;
        Ok(Self { files, current: Mutex::new((contents, config)) })
    }

    /// Returns an acceptor with the certificates that were read last.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(current.1.clone())
    }

    /// Follows the files until the future is dropped. Files that are not valid are logged, and the last valid ones stay.
    pub(crate) async fn follow_files(&self) {
        let mut last_error = None;
        loop {
            tokio::time::sleep(INTERVAL).await;
            match self.reload() {
                Ok(changed) => {
                    if changed {
                        tracing::info!(certificate = %self.files.certificate.display(), "certificates were read again");
                    }
                    last_error = None;
                }
                Err(error) => {
                    let error = format!("{:#}", miette::Report::from(error));
                    if last_error.as_ref() != Some(&error) {
                        tracing::warn!(
                            error,
                            "the changed certificates are not valid; the last valid ones stay in use"
                        );
                    }
                    last_error = Some(error);
                }
            }
        }
    }

    fn reload(&self) -> Result<bool, GatewayError> {
        let contents = self.files.read()?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 == contents {
            return Ok(false);
        }
        let config = self.files.config(&contents)?;
        *current = (contents, config);
        Ok(true)
    }
}

impl TlsFiles {
    fn read(&self) -> Result<TlsContents, GatewayError> {
        let read =
            |path: &PathBuf| fs::read(path).map_err(|source| GatewayError::TlsFile { path: path.clone(), source });
        Ok(TlsContents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            clients: self.clients.as_ref().map(read).transpose()?,
        })
    }

    fn config(&self, contents: &TlsContents) -> Result<Arc<ServerConfig>, GatewayError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|error| wrong(&self.key, format!("holds no private key in PEM: {error}")))?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.certificate, error.to_string()))?;
        let builder = match (&self.clients, &contents.clients) {
            (Some(path), Some(pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path, pem)? {
                    roots.add(certificate).map_err(|error| wrong(path, error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| wrong(path, error.to_string()))?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            let key = self.key.display();
            wrong(&self.certificate, format!("does not go with the key in {key}: {error}"))
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, GatewayError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err(wrong(path, "holds no certificate in PEM".to_owned())),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(wrong(path, format!("is not valid PEM: {error}"))),
    }
}

fn wrong(path: &Path, what: String) -> GatewayError {
    GatewayError::Tls { path: path.to_owned(), what }
}

/// Reads the identity in a client's certificate, whose signature was checked before.
pub(crate) fn identity(certificate: &CertificateDer<'_>) -> ClientIdentity {
    let name = parse_x509_certificate(certificate).ok().and_then(|(_, parsed)| {
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let uri = names.iter().find_map(|name| match name {
            GeneralName::URI(uri) => Some(format!("uri:{uri}")),
            _ => None,
        });
        let dns = || {
            names.iter().find_map(|name| match name {
                GeneralName::DNSName(dns) => Some(format!("dns:{dns}")),
                _ => None,
            })
        };
        uri.or_else(dns)
    });
    ClientIdentity { name, certificate: certificate.to_vec() }
}
