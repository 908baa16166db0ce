//! Encrypted connections: whom a client trusts, and what it says about those that it does not.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{CertifiedKey, KeyPair};
use shardwire::{
    native::{
        ConnectOptions, Proxy, Tls,
        rustls::{
            ClientConfig, RootCertStore, ServerConfig,
            crypto::ring,
            pki_types::{CertificateDer, PrivateKeyDer},
        },
    },
    testing::GatewayOptions,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{
    raw::Listener,
    support::{Client, address, config, serve, soon},
};

/// A certificate that nobody knows, for one name.
pub struct Identity(pub CertifiedKey<KeyPair>);

impl Identity {
    pub fn of(name: &str) -> Self {
        Self(rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate"))
    }

    /// Options that trust this certificate and no other.
    pub fn trusted(&self) -> ConnectOptions {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        ConnectOptions::new().tls(Tls::custom(Arc::new(config)))
    }

    /// A port where TLS with this certificate is taken off what goes on to `to`.
    pub async fn in_front_of(&self, to: SocketAddr) -> u16 {
        let key = PrivateKeyDer::try_from(self.0.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate()], key)
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Who does not trust the certificate is gone.
                    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                    let mut onwards = TcpStream::connect(to).await.expect("somebody listens");
                    // Either side may break it off.
                    let _ = copy_bidirectional(&mut tls, &mut onwards).await;
                });
            }
        });
        port
    }

    fn certificate(&self) -> CertificateDer<'static> {
        self.0.cert.der().clone()
    }
}

async fn fault(url: &str, options: ConnectOptions) -> String {
    Client::using(config(url), options).until_disconnected().await.0.to_string()
}

#[tokio::test]
async fn a_certificate_that_the_user_trusts_is_taken() {
    let server = serve(GatewayOptions::default()).await;
    let identity = Identity::of("localhost");
    let port = identity.in_front_of(address(&server)).await;
    let url = format!("wss://localhost:{port}");
    Client::using(config(&url), identity.trusted()).until_ready().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_refused_in_words() {
    let server = serve(GatewayOptions::default()).await;
    let port = Identity::of("localhost").in_front_of(address(&server)).await;
    let text = fault(&format!("wss://localhost:{port}"), ConnectOptions::new()).await;
    let expected = "TLS with localhost failed: invalid peer certificate: UnknownIssuer";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_in_words() {
    let server = serve(GatewayOptions::default()).await;
    let identity = Identity::of("other.invalid");
    let port = identity.in_front_of(address(&server)).await;
    let text = fault(&format!("wss://localhost:{port}"), identity.trusted()).await;
    let expected = "TLS with localhost failed: invalid peer certificate: certificate not valid for";
    assert!(text.contains(expected), "{text}");
}

#[tokio::test]
async fn what_goes_through_a_proxy_is_encrypted_for_the_gateway() {
    let server = serve(GatewayOptions::default()).await;
    let identity = Identity::of("gateway.invalid");
    let port = identity.in_front_of(address(&server)).await;
    let proxy = Listener::bind().await;
    let options = identity
        .trusted()
        .proxy(Proxy::parse(&format!("http://{}", proxy.address())).expect("an address"));
    let mut client = Client::using(config("wss://gateway.invalid"), options);
    let proxied = async {
        let mut tcp = proxy.answer("HTTP/1.1 200 OK\r\n\r\n").await;
        let mut first = [0];
        soon(tcp.peek(&mut first)).await.expect("the client speaks first");
        let mut onwards = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        tokio::spawn(async move { copy_bidirectional(&mut tcp, &mut onwards).await });
        first
    };
    assert_eq!(client.while_running(proxied).await, [0x16], "a TLS handshake");
    client.until_ready().await;
}
