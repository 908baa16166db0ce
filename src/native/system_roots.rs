//! The certificates that the operating system trusts. Looks for them once, when it is asked.

use tokio_rustls::rustls::RootCertStore;

use super::{
    options::OptionError,
    tls::{Tls, with_roots},
};

impl Tls {
    /// Trusts what the operating system trusts, for networks whose own authority signs what goes through them.
    ///
    /// Reads the system's store now, which blocks for some milliseconds; clone the value rather than ask again. On Linux,
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name another store.
    ///
    /// # Errors
    ///
    /// [`OptionError::BadRoots`] if there is no certificate that can be used. Single broken ones are passed over.
    pub fn system_roots() -> Result<Self, OptionError> {
        let bad = |why: &dyn ToString| OptionError::BadRoots(why.to_string().into());
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            let error = found.errors.first();
            return Err(error.map_or_else(|| bad(&"it holds none"), |error| bad(error)));
        }
        with_roots(roots).map(Self::custom).map_err(|error| bad(&error))
    }
}
