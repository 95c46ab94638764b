//! TLS and mutual TLS.

use std::path::PathBuf;
use std::sync::Once;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::gateway::tests::*;
use crate::gateway::tls::ServerTls;

/// A folder with the files of a server, and an authority for clients.
struct Files {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap();
        let this = Self { folder: tempfile::tempdir().unwrap(), issuer: Issuer::new(params, key) };
        std::fs::write(this.path("clients.pem"), authority.pem()).unwrap();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new certificate of the server, which is returned.
    fn renew(&self) -> String {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("server.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.path("server.key"), made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    }

    fn load(&self, clients: bool) -> Result<ServerTls, crate::gateway::GatewayError> {
        let clients = clients.then(|| self.path("clients.pem"));
        ServerTls::load(self.path("server.pem"), self.path("server.key"), clients)
    }

    /// A client with these names.
    fn client(&self, common: &str, names: Vec<SanType>) -> Identity {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity::from_pem(certificate.pem(), key.serialize_pem())
    }
}

async fn connect(
    server: &Server,
    trusted: &str,
    identity: Option<Identity>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().domain_name("localhost").ca_certificate(Certificate::from_pem(trusted));
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.address)).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await
}

async fn start(files: &Files, clients: bool) -> Server {
    let tls = Some(Arc::new(files.load(clients).unwrap()));
    Server::with(GatewaySettings { tls, ..GatewaySettings::default() }).await
}

#[tokio::test]
async fn calls_come_over_tls_and_none_in_the_clear() {
    let files = Files::new();
    let trusted = files.renew();
    let server = start(&files, false).await;
    call(connect(&server, &trusted, None).await.unwrap(), "Echo", request("Ada")).await.unwrap();
    assert!(server.fake.last.lock().unwrap().take().unwrap().identity.is_none());
    let clear = Endpoint::from_shared(format!("http://{}", server.address)).unwrap().connect_lazy();
    call(clear, "Echo", request("Ada")).await.unwrap_err();
}

#[tokio::test]
async fn certificates_follow_their_files() {
    let files = Files::new();
    files.renew();
    let server = start(&files, false).await;
    std::fs::write(files.path("server.pem"), "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let trusted = files.renew();
    let renewed = async {
        while connect(&server, &trusted, None).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), renewed).await.unwrap();
}

#[tokio::test]
async fn clients_are_known_by_their_certificates() {
    let files = Files::new();
    let trusted = files.renew();
    let server = start(&files, true).await;
    let uri = SanType::URI("spiffe://shop/billing".try_into().unwrap());
    let dns = SanType::DnsName("billing.shop".try_into().unwrap());
    // A common name is no name: a client called `dns:billing.shop` there would pass for another.
    for (names, name) in [
        (vec![dns.clone(), uri], Some("uri:spiffe://shop/billing")),
        (vec![dns], Some("dns:billing.shop")),
        (vec![], None),
    ] {
        let channel = connect(&server, &trusted, Some(files.client("dns:billing.shop", names))).await.unwrap();
        call(channel, "Echo", request("Ada")).await.unwrap();
        let identity = server.fake.last.lock().unwrap().take().unwrap().identity.unwrap();
        assert_eq!(identity.name.as_deref(), name);
        assert!(x509_parser::parse_x509_certificate(&identity.certificate).is_ok());
    }
    let stranger = Files::new().client("bill", vec![]);
    for identity in [None, Some(stranger)] {
        let called =
            async { call(connect(&server, &trusted, identity).await.ok()?, "Echo", request("Ada")).await.ok() };
        assert!(called.await.is_none());
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_named() {
    let files = Files::new();
    let said = |files: &Files| format!("{:#}", files.load(true).unwrap_err());
    assert_eq!(said(&files), format!("cannot read {}", files.path("server.pem").display()));
    files.renew();
    files.load(true).unwrap();
    let key = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(files.path("server.key"), key).unwrap();
    assert!(said(&files).contains("does not go with the key in"), "{}", said(&files));
    std::fs::write(files.path("server.key"), "no key").unwrap();
    assert!(said(&files).contains("server.key holds no private key in PEM"), "{}", said(&files));
    files.renew();
    std::fs::write(files.path("clients.pem"), "").unwrap();
    assert!(said(&files).ends_with("clients.pem holds no certificate in PEM"), "{}", said(&files));
}
