//! The filtering coordinator at the admin API: plain HTTP with a bearer token.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for one answer of the admin API.
const PATIENCE: Duration = Duration::from_secs(10);

/// Somebody who talks to the admin API at one address.
#[derive(Debug, Clone, Copy)]
pub struct Coordinator {
    admin: SocketAddr,
}

/// What the admin API said.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header lines, lower-cased names.
    pub headers: String,
    /// The body as text.
    pub body: String,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

impl Coordinator {
    /// At this address.
    pub fn new(admin: SocketAddr) -> Self {
        Self { admin }
    }

    /// Where the admin API is.
    pub fn address(&self) -> SocketAddr {
        self.admin
    }

    /// Reads a resource without a token.
    pub fn get(&self, path: &str) -> Response {
        self.try_get(path, None).unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    /// Reads a resource with a token.
    pub fn get_with(&self, token: &str, path: &str) -> Response {
        self.try_get(path, Some(token)).unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    /// Reads a resource if the admin API answers at all.
    pub fn try_get(&self, path: &str, token: Option<&str>) -> Option<Response> {
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{authorization}\r\n",
            self.admin
        ))
    }

    /// Sends a request as it is written, and reads the answer.
    pub fn send(&self, request: &str) -> Option<Response> {
        let mut stream = TcpStream::connect_timeout(&self.admin, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let (headers, body) = text.split_once("\r\n\r\n")?;
        let status = headers.split(' ').nth(1)?.parse().ok()?;
        Some(Response { status, headers: headers.to_lowercase(), body: body.to_owned() })
    }
}
