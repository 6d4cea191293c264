//! TLS: who we are, and who asks where they have certificates.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;

/// Whether clients have certificates, in Go's words as exporters have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum Authentication {
    /// They need none.
    #[default]
    NoClientCert,
    /// If they have one, the authority must have signed it.
    VerifyClientCertIfGiven,
    /// They must have one that the authority has signed.
    RequireAndVerifyClientCert,
}

impl Authentication {
    pub(super) fn wants_authority(self) -> bool {
        self != Self::NoClientCert
    }
}

/// The oldest version that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(super) enum Version {
    /// TLS 1.2.
    #[default]
    TLS12,
    /// TLS 1.3.
    TLS13,
}

/// What TLS is read from.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    pub(super) authority: Option<PathBuf>,
    pub(super) authentication: Authentication,
    pub(super) version: Version,
}

impl Files {
    /// Every file.
    pub(super) fn all(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.certificate), Some(&self.key), self.authority.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// Ready for connections.
#[derive(Clone)]
pub struct TlsConfig {
    /// For acceptors.
    pub server: Arc<ServerConfig>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig").finish_non_exhaustive()
    }
}

impl TlsConfig {
    /// Reads certificate, key and authority; the error says which file is wrong.
    pub(super) fn load(files: &Files) -> Result<Self, String> {
        let versions: &[_] = match files.version {
            Version::TLS12 => &[&rustls::version::TLS13, &rustls::version::TLS12],
            Version::TLS13 => &[&rustls::version::TLS13],
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?;
        let builder = match &files.authority {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let wrong = |what: String| format!("client_ca_file {}: {what}", path.display());
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path).map_err(wrong)? {
                    roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match files.authentication {
                    Authentication::RequireAndVerifyClientCert => verifier,
                    _ => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(error.to_string()))?)
            }
        };
        let chain = certificates(&files.certificate)
            .map_err(|what| format!("cert_file {}: {what}", files.certificate.display()))?;
        let wrong = |what: String| format!("key_file {}: {what}", files.key.display());
        // The library's own words for a bad key never show it.
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| wrong(error.to_string()))?;
        let mut server = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong(format!("{error}: is it the key of {}?", files.certificate.display())))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { server: Arc::new(server) })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match list {
        Ok(list) if list.is_empty() => Err("there is no certificate in it: write one in PEM form".to_owned()),
        Ok(list) => Ok(list),
        Err(error) => Err(error.to_string()),
    }
}
