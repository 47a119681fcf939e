//! `healthcheck`: asks the running server's `/readyz`, for containers and monitoring.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Config;

use super::{Failure, Outcome};

/// How long the server may take to say that it is ready.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
/// More of an answer than the status line is not needed, and not read.
const ANSWER_OCTETS_MAX: u64 = 64 << 10;

/// Code 0 when ready; else 1 and the reason.
pub fn run(config: &Config) -> Outcome {
    let address = config.admin.first().copied().ok_or_else(|| Failure::misused("[admin] listen is empty"))?;
    let answer = readyz(address).map_err(|error| {
        Failure::failed(format!(
            "no server answers on {address} ({error}); is it running with this configuration?"
        ))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        say!("ready");
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::failed(format!("the server runs but is not ready: {}", body.trim())))
}

fn readyz(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME_MAX)?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_OCTETS_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
