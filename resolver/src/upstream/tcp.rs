//! Streams to one server: opened when needed, kept while they are used, many questions on each.
//!
//! Questions are written as they come and answers taken in any order (RFC 7766 sections 6.2 and 7). A
//! stream that the server closes while a question is on it is no failure of the server: the question
//! goes once more, over a new one.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::message::{Match, Query};
use super::row::{LINE_QUESTIONS, Row};
use super::waiting::{Delivery, Heard, Waiting};

/// How long a stream on which nothing happens is kept.
pub const STREAM_IDLE: Duration = Duration::from_secs(10);
/// Messages that nobody waits for, after which a stream is closed.
const STRAYS_MAX: u32 = 256;
/// Octets read at a time.
const READ_OCTETS: usize = 16 * 1024;

/// The streams to one server.
#[derive(Debug)]
pub(super) struct Streams {
    server: SocketAddr,
    near_misses: Arc<AtomicU64>,
    row: Row<Stream>,
}

/// One stream, as its users hold it.
#[derive(Debug, Clone)]
struct Stream {
    waiting: Arc<Waiting>,
    send: mpsc::Sender<Arc<Query>>,
}

impl Streams {
    /// No stream is opened yet.
    pub(super) fn new(server: SocketAddr, near_misses: Arc<AtomicU64>) -> Self {
        Self { server, near_misses, row: Row::new() }
    }

    /// Asks one question; the caller bounds the time. Needs a tokio runtime.
    ///
    /// # Errors
    /// Whatever the network says; `WouldBlock` when every stream is full.
    pub(super) async fn ask(&self, query: Query) -> io::Result<Heard> {
        loop {
            let taken = self.row.take(|| connect(self.server, Arc::clone(&self.near_misses))).await?;
            match taken.line.ask(query.clone()).await {
                Ok(heard) => {
                    taken.answered();
                    return Ok(heard);
                }
                // One that had been open for a while may just have been closed: a new one will tell.
                Err(error) => {
                    if taken.broke() {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Streams that are open.
    pub(super) fn open(&self) -> usize {
        self.row.open()
    }
}

async fn connect(server: SocketAddr, near_misses: Arc<AtomicU64>) -> io::Result<Stream> {
    let socket = TcpStream::connect(server).await?;
    socket.set_nodelay(true)?;
    let (read, write) = socket.into_split();
    let (send, queries) = mpsc::channel(LINE_QUESTIONS);
    let waiting = Arc::new(Waiting::new(Match::Caseless));
    let life = Life(Arc::clone(&waiting));
    tokio::spawn(async move {
        let why = tokio::select! {
            why = life.read(read, near_misses) => why,
            why = write_all(write, queries) => why,
        };
        life.0.close(&why);
    });
    Ok(Stream { waiting, send })
}

impl Stream {
    async fn ask(&self, query: Query) -> io::Result<Heard> {
        let seat = self.waiting.sit(query)?;
        self.send.send(Arc::clone(&seat.query)).await.map_err(|_| ErrorKind::ConnectionAborted)?;
        seat.hear().await
    }
}

/// The task of one stream: however it ends, nobody is left waiting.
struct Life(Arc<Waiting>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.close(&ErrorKind::ConnectionAborted.into());
    }
}

impl Life {
    /// Hands out what arrives; ends with the reason why nothing more will.
    async fn read(&self, mut stream: OwnedReadHalf, near_misses: Arc<AtomicU64>) -> io::Error {
        let mut pending = Vec::with_capacity(READ_OCTETS);
        let mut strays = 0;
        loop {
            match timeout(STREAM_IDLE, stream.read_buf(&mut pending)).await {
                Ok(Ok(0)) => return ErrorKind::UnexpectedEof.into(),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return error,
                // A server that has said nothing for so long while it was asked is not kept either.
                Err(_) => return ErrorKind::TimedOut.into(),
            }
            let mut done = 0;
            while let Some(message) = pending.get(done..).and_then(framed) {
                match self.0.deliver(message, |_, _| true) {
                    Delivery::Taken => {}
                    // The server itself confuses questions: nothing more on this stream is believed.
                    Delivery::NearMiss => {
                        near_misses.fetch_add(1, Relaxed);
                        return ErrorKind::InvalidData.into();
                    }
                    Delivery::Stray => strays += 1,
                }
                done += 2 + message.len();
            }
            if strays > STRAYS_MAX {
                return ErrorKind::InvalidData.into();
            }
            pending.drain(..done);
        }
    }
}

/// The first whole message behind its length (RFC 1035 section 4.2.2).
fn framed(octets: &[u8]) -> Option<&[u8]> {
    let (length, rest) = octets.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

/// Writes queries as they come, those that wait together in one go (RFC 7766 section 8).
async fn write_all(mut stream: OwnedWriteHalf, mut queries: mpsc::Receiver<Arc<Query>>) -> io::Error {
    let mut together = Vec::new();
    let mut octets = Vec::new();
    while queries.recv_many(&mut together, LINE_QUESTIONS).await > 0 {
        for query in together.drain(..) {
            let length = u16::try_from(query.bytes().len()).unwrap_or(0);
            octets.extend_from_slice(&length.to_be_bytes());
            octets.extend_from_slice(query.bytes());
        }
        if let Err(error) = stream.write_all(&octets).await {
            return error;
        }
        octets.clear();
    }
    // The streams' owner is gone; those who still wait hold a sender each, so nobody does.
    ErrorKind::NotConnected.into()
}
