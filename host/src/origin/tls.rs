//! The authorities by which https origins are trusted.

use std::sync::Arc;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The TLS settings for https origins: the web's usual certificate authorities, or one's own.
pub struct Tls {
    pub(super) config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the certificate authorities that browsers trust.
    pub fn web() -> Tls {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Tls::trusting(roots)
    }

    /// Trusts the certificates of a PEM file and no others.
    ///
    /// # Errors
    /// A text for the configuration's report where the file holds no usable certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Tls, String> {
        use tokio_rustls::rustls::pki_types::CertificateDer;
        use tokio_rustls::rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|e| format!("not a PEM certificate: {e}"))?;
            roots
                .add(certificate)
                .map_err(|e| format!("not a usable certificate: {e}"))?;
        }
        if roots.is_empty() {
            return Err("no certificate in this file".to_owned());
        }
        Ok(Tls::trusting(roots))
    }

    fn trusting(roots: RootCertStore) -> Tls {
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring offers TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Tls {
            config: Arc::new(config),
        }
    }
}
