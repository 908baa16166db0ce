//! TLS for all connections of the process: which certificates are trusted, and whose cryptography is used. Opens nothing.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, Error, RootCertStore, crypto::ring},
};

/// Whom to trust on encrypted connections. Cheap to clone.
///
/// All connections with one value share its configuration, so that reconnects can take up a TLS session.
#[derive(Clone, Default)]
pub struct Tls(
    /// `None` for Mozilla's roots, which all values share.
    Option<Arc<ClientConfig>>,
);

impl Tls {
    /// Trusts Mozilla's roots, which are part of the program: the same everywhere, and nothing to install.
    #[must_use]
    pub const fn mozilla_roots() -> Self {
        Self(None)
    }

    /// Does as `config` says, be it with roots, client certificates or cryptography of one's own. Build it with
    /// [`native::rustls`](super::rustls), and offer no other application protocol than `http/1.1` in it.
    #[must_use]
    pub const fn custom(config: Arc<ClientConfig>) -> Self {
        Self(Some(config))
    }

    pub(super) fn connector(&self) -> Result<TlsConnector, Error> {
        static MOZILLA: OnceLock<Arc<ClientConfig>> = OnceLock::new();
        if let Some(config) = self.0.as_ref().or(MOZILLA.get()) {
            return Ok(config.clone().into());
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = with_roots(roots)?;
        Ok(MOZILLA.get_or_init(|| config).clone().into())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Tls(custom)" } else { "Tls(Mozilla's roots)" })
    }
}

/// A configuration that trusts `roots`.
///
/// The cryptography is named, not looked up: if none or several kinds are compiled in, rustls panics rather than choose.
pub(super) fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
