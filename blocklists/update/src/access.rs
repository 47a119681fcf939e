//! The way out to the providers of lists: proxy, credentials, certificates, bounds.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use blocklists::read::SOURCE_BYTES_MAX;
use serde::Deserialize;
use thiserror::Error;

use crate::fetch::Fetcher;

/// Longest credentials or certificate file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How this box reaches the providers of lists. The default: straight, as nobody, with Mozilla's roots.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// `http://host:port` of a proxy that everything goes through.
    pub proxy: Option<String>,
    /// The file with names and passwords, see [`Credentials`].
    pub credentials: Option<PathBuf>,
    /// Certificates in PEM that are believed beside Mozilla's roots: a school's web filter that
    /// looks into TLS signs with its own.
    pub ca: Option<PathBuf>,
    /// How long and how much a provider may send.
    pub bounds: Bounds,
}

impl Access {
    /// Whether every part of it can be used.
    ///
    /// # Errors
    /// [`AccessError`] for the first that cannot.
    pub fn check(&self) -> Result<(), AccessError> {
        Fetcher::new(self).map(drop)
    }
}

/// Bounds of one fetch. A provider that is slow, endless or silent ends at one of them.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until an answer begins.
    pub answer: Duration,
    /// Of silence within an answer.
    pub silence: Duration,
    /// The whole of one fetch: a large list over a slow school line.
    pub whole: Duration,
    /// How long a slow answer is borne before [`rate_min`](Self::rate_min) is asked of it.
    pub rate_window: Duration,
    /// Fewest bytes a second, over every window.
    pub rate_min: u64,
    /// Most bytes on the wire.
    pub wire_bytes: u64,
    /// Most bytes after the packing of the transfer is taken off.
    pub content_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(20),
            whole: Duration::from_secs(300),
            rate_window: Duration::from_secs(15),
            rate_min: 2048,
            wire_bytes: 256 << 20,
            content_bytes: SOURCE_BYTES_MAX,
        }
    }
}

/// Why a file of `[lists]` cannot be used. No variant holds what is written in it.
#[derive(Debug, Error)]
pub enum AccessError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Everybody on the machine may read the passwords in it.
    #[error("{path}: everybody on this machine may read it; take that away with `chmod o= {path}`")]
    WorldReadable {
        /// Which file.
        path: PathBuf,
    },
    /// It is not written as it should be.
    #[error("{path}: {why}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, without what is written there.
        why: String,
    },
    /// The proxy is none that can be used.
    #[error("[lists] proxy is not an address such as http://proxy.school.example:3128")]
    Proxy,
}

/// Who this box is to a provider, by host: a TOML file with one table a host.
///
/// ```toml
/// ["lists.example"]
/// user = "school"
/// password = "…"
/// ["feeds.example:8443"]
/// bearer = "…"
/// ```
///
/// A host without a port holds for every port. What is in it is sent over HTTPS only (and to this
/// machine itself), is never shown, and never follows a redirect to another host.
#[derive(Default)]
pub struct Credentials(HashMap<String, Secret>);

/// Two of three keys, or one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    user: Option<String>,
    password: Option<String>,
    bearer: Option<String>,
}

enum Secret {
    Basic { user: String, password: String },
    Bearer(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials for {} hosts", self.0.len())
    }
}

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// [`AccessError`]: unreadable, readable by everybody, or not written as it should be.
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        let (text, mode) = read(path)?;
        if mode & 0o007 != 0 {
            return Err(AccessError::WorldReadable { path: path.to_owned() });
        }
        let malformed = |why: String| AccessError::Malformed { path: path.to_owned(), why };
        let table: HashMap<String, Written> = toml::from_str(&text).map_err(|error: toml::de::Error| {
            // The error's own display quotes the line, and a password with it.
            let line = error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or("").matches('\n').count());
            malformed(format!(
                "line {line} is not written as it should be: one table a host, with `user` and `password`, or `bearer`"
            ))
        })?;
        let mut secrets = HashMap::new();
        for (host, written) in table {
            let secret = match written {
                Written { user: Some(user), password: Some(password), bearer: None } => {
                    Secret::Basic { user, password }
                }
                Written { user: None, password: None, bearer: Some(token) } if is_token(&token) => {
                    Secret::Bearer(token)
                }
                _ => return Err(malformed(format!("{host} needs `user` and `password`, or `bearer`"))),
            };
            secrets.insert(host.to_ascii_lowercase(), secret);
        }
        Ok(Self(secrets))
    }

    /// What to say in `Authorization` to a host, given as `host:port`.
    pub(crate) fn authorization(&self, host: &str, port: u16) -> Option<String> {
        let host = host.to_ascii_lowercase();
        let secret = self.0.get(&format!("{host}:{port}")).or_else(|| self.0.get(&host))?;
        Some(match secret {
            Secret::Bearer(token) => format!("Bearer {token}"),
            Secret::Basic { user, password } => {
                format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
            }
        })
    }

    /// Name and password for the proxy, when its address has none.
    pub(crate) fn user(&self, host: &str, port: u16) -> Option<(&str, &str)> {
        let host = host.to_ascii_lowercase();
        match self.0.get(&format!("{host}:{port}")).or_else(|| self.0.get(&host))? {
            Secret::Basic { user, password } => Some((user, password)),
            Secret::Bearer(_) => None,
        }
    }
}

/// Whether this can stand in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A small file's text and its permissions.
///
/// # Errors
/// [`AccessError::Unreadable`].
pub(crate) fn read(path: &Path) -> Result<(String, u32), AccessError> {
    let read = || {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok((text, mode))
    };
    read().map_err(|error| AccessError::Unreadable { path: path.to_owned(), error })
}

/// Base64 with padding (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS.get((number >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(char::from(if place <= chunk.len() { digit } else { b'=' }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_host_gets_its_own_credentials_and_no_other() {
        let text = "[\"lists.example\"]\nuser = \"school\"\npassword = \"p:w\"\n[\"Feeds.example:8443\"]\nbearer = \"tok\"\n";
        let (_dir, path) = file(text, 0o640);
        let known = Credentials::read(&path).unwrap();
        assert_eq!(known.authorization("Lists.Example", 443).unwrap(), "Basic c2Nob29sOnA6dw==");
        assert_eq!(known.authorization("feeds.example", 8443).unwrap(), "Bearer tok");
        assert_eq!(known.authorization("feeds.example", 443), None);
        assert_eq!(known.authorization("example", 443), None);
        assert!(!format!("{known:?}").contains("tok"));
    }

    #[test]
    fn a_file_that_everybody_may_read_or_that_is_wrong_is_refused_without_its_secrets() {
        let (_dir, path) = file("[\"a.example\"]\nbearer = \"tok\"\n", 0o644);
        assert!(matches!(Credentials::read(&path), Err(AccessError::WorldReadable { .. })));
        for text in [
            "[\"a.example\"]\nuser = \"tok\"\n",
            "[\"a.example\"]\nbearer = \"tok",
            "[a]\nbearer = \"t ok\"\n",
        ] {
            let (_dir, path) = file(text, 0o600);
            let error = Credentials::read(&path).unwrap_err().to_string();
            assert!(!error.contains("tok") && !error.contains("t ok"), "{error}");
        }
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
