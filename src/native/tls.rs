//! TLS for all connections of the process: which certificates are trusted, and whose cryptography is used. Opens nothing.

use std::sync::{Arc, OnceLock};

use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, Error, RootCertStore, crypto::ring},
};

/// A connector that trusts Mozilla's roots.
///
/// All share one configuration, so that reconnects can take up a TLS session. The cryptography is named, not looked up: if
/// none or several kinds are compiled in, rustls panics rather than choose.
pub(super) fn connector() -> Result<TlsConnector, Error> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone().into());
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone().into())
}
