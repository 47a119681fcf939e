//! A provider of lists: a small HTTP server that can play every kind of bad day.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex, MutexGuard};
use std::time::Duration;

/// What a provider answers for one path.
#[derive(Clone)]
pub enum Offer {
    /// A list, with an `ETag` made of its bytes; 304 for whoever has it.
    List(Vec<u8>),
    /// A list whose transfer is packed, under the name of the coding.
    Packed(&'static str, Vec<u8>),
    /// A status without a list, with further header lines.
    Status(&'static str, String),
    /// A list that calls itself a web page.
    Page(Vec<u8>),
    /// Bytes as they are, head included; then the connection ends.
    Raw(Vec<u8>),
    /// A list, as soon as another one is asked for as well.
    Together(Arc<Barrier>, Vec<u8>),
    /// A line a moment, without end.
    Drip,
    /// Nothing at all, and the connection stays.
    Silence,
}

/// One request as it came: path and headers in lower case.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub headers: HashMap<String, String>,
}

#[derive(Default)]
struct Desk {
    offers: BTreeMap<String, Offer>,
    asked: Vec<Request>,
}

/// The provider; it ends with the test.
pub struct Provider {
    address: SocketAddr,
    scheme: &'static str,
    desk: Arc<Mutex<Desk>>,
}

/// What a connection is read from and written to.
pub trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

impl Provider {
    /// Opens over plain HTTP.
    pub fn open() -> Self {
        Self::behind("http", |stream| Some(Box::new(stream)))
    }

    /// Opens behind something that turns a connection into another (TLS).
    pub fn behind(
        scheme: &'static str,
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Line>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let desk: Arc<Mutex<Desk>> = Arc::default();
        let (theirs, wrap) = (Arc::clone(&desk), Arc::new(wrap));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (desk, wrap) = (Arc::clone(&theirs), Arc::clone(&wrap));
                std::thread::spawn(move || {
                    if let Some(line) = wrap(stream) {
                        serve(line, &desk);
                    }
                });
            }
        });
        Self { address, scheme, desk }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Offers something under a path from now on.
    pub fn offers(&self, path: &str, offer: Offer) {
        self.desk().offers.insert(path.to_owned(), offer);
    }

    /// Offers a list.
    pub fn lists(&self, path: &str, text: impl AsRef<[u8]>) {
        self.offers(path, Offer::List(text.as_ref().to_vec()));
    }

    /// What was asked since the last look.
    pub fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.desk().asked)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap()
    }
}

/// Answers one connection after another request until it ends.
fn serve(line: Box<dyn Line>, desk: &Mutex<Desk>) {
    let mut line = BufReader::new(line);
    while let Some(request) = read(&mut line) {
        let mut open = desk.lock().unwrap();
        let offer = open.offers.get(&request.path).cloned();
        let known = request.headers.get("if-none-match").cloned();
        open.asked.push(request);
        drop(open);
        if !matches!(answer(line.get_mut(), offer, known), Ok(true)) {
            return;
        }
    }
}

/// A request's head; `None` when the connection ends.
fn read(line: &mut impl BufRead) -> Option<Request> {
    let mut first = String::new();
    line.read_line(&mut first).ok().filter(|count| *count > 0)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        line.read_line(&mut header).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request { path, headers })
}

/// Answers; whether the connection may go on.
fn answer(line: &mut dyn Line, offer: Option<Offer>, known: Option<String>) -> std::io::Result<bool> {
    match offer {
        None => reply(line, "404 Not Found", "", b"gone\n"),
        Some(Offer::List(bytes)) => {
            let etag = format!(
                "\"{:x}\"",
                bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31) ^ usize::from(*byte))
            );
            let status = if known.as_ref() == Some(&etag) { "304 Not Modified" } else { "200 OK" };
            let body = if known.as_ref() == Some(&etag) { &[][..] } else { &bytes };
            reply(line, status, &format!("ETag: {etag}\r\n"), body)
        }
        Some(Offer::Together(others, bytes)) => {
            others.wait();
            reply(line, "200 OK", "", &bytes)
        }
        Some(Offer::Packed(coding, bytes)) => {
            reply(line, "200 OK", &format!("Content-Encoding: {coding}\r\n"), &bytes)
        }
        Some(Offer::Status(status, headers)) => reply(line, status, &headers, b"no list\n"),
        Some(Offer::Page(bytes)) => {
            reply(line, "200 OK", "Content-Type: text/html; charset=utf-8\r\n", &bytes)
        }
        Some(Offer::Raw(bytes)) => line.write_all(&bytes).and_then(|()| line.flush()).map(|()| false),
        Some(Offer::Drip) => {
            line.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            // Nobody ever says anything: the pause between two lines.
            let (_silent, pause) = std::sync::mpsc::channel::<()>();
            loop {
                line.write_all(b"x.example\n")?;
                line.flush()?;
                let _ = pause.recv_timeout(Duration::from_millis(20));
            }
        }
        Some(Offer::Silence) => {
            // Until the other side has had enough.
            let _ = line.read(&mut [0]);
            Ok(false)
        }
    }
}

fn reply(line: &mut dyn Line, status: &str, headers: &str, body: &[u8]) -> std::io::Result<bool> {
    let length = body.len();
    write!(line, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n")?;
    line.write_all(body)?;
    line.flush()?;
    Ok(true)
}
