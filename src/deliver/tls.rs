//! How receivers are known: by whose certificates they are believed.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::read::Reading;
use super::secret::SecretFile;

/// `ca_file`, `cert_file` and `key_file`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tls {
    /// The authority that signs the receiver's certificate, and no other; those of the system where none is named.
    pub(super) authority: Option<PathBuf>,
    /// Our own certificate with its key, where receivers ask who we are.
    identity: Option<(PathBuf, SecretFile)>,
}

impl Tls {
    /// Reads the authority only.
    pub(super) fn read_authority(reading: &mut Reading<'_, '_, '_, '_>) -> Self {
        Self { authority: reading.file("ca_file"), identity: None }
    }

    /// Reads all.
    pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>) -> Self {
        let authority = reading.file("ca_file");
        let certificate = reading.file("cert_file");
        let key = reading.file("key_file").map(SecretFile::Path);
        if certificate.is_some() != key.is_some() {
            reading.problem("cert_file", "`cert_file` and `key_file` go together: name both");
        }
        Self { authority, identity: certificate.zip(key) }
    }

    /// The file with our key.
    pub(super) fn key(&self) -> Option<&SecretFile> {
        self.identity.as_ref().map(|(_, key)| key)
    }

    /// Ready for connections; the error says which file is wrong.
    pub(super) fn client(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        match &self.authority {
            Some(path) => {
                let wrong = |what: String| format!("ca_file {}: {what}", path.display());
                for certificate in certificates(path).map_err(wrong)? {
                    roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let Some((certificate, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate).map_err(|what| format!("cert_file {}: {what}", certificate.display()))?;
        let key = key.path().map_err(|error| error.to_string())?;
        let wrong = |what: String| format!("key_file {}: {what}", key.display());
        // The library's own words for a bad key never show it.
        let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(error.to_string()))?;
        builder.with_client_auth_cert(chain, private).map_err(|error| wrong(error.to_string()))
    }
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match list {
        Ok(list) if list.is_empty() => Err("there is no certificate in it: write one in PEM form".to_owned()),
        Ok(list) => Ok(list),
        Err(error) => Err(error.to_string()),
    }
}
