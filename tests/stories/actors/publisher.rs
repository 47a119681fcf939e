//! Somebody who publishes a block list on the web: a plain HTTP server on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is published now: a status line's code and a body.
type Page = Arc<Mutex<(u16, String)>>;

/// A web server with one page; before anything is published it says 503.
pub struct Publisher {
    address: SocketAddr,
    page: Page,
}

impl Publisher {
    /// Starts on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let page: Page = Arc::new(Mutex::new((503, String::new())));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::clone(&page);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is its own affair.
                let _ = serve(&stream, &served);
            }
        });
        Self { address, page }
    }

    /// Where the list is.
    pub fn url(&self) -> String {
        format!("http://{}/list.txt", self.address)
    }

    /// Puts a list there.
    pub fn publishes(&self, code: u16, body: &str) {
        *self.page.lock().unwrap() = (code, body.to_owned());
    }
}

fn serve(mut stream: &TcpStream, page: &Page) -> Option<()> {
    let mut request = BufReader::new(stream).lines().map_while(Result::ok);
    request.find(String::is_empty)?;
    let (code, body) = page.lock().unwrap().clone();
    let head = format!("HTTP/1.1 {code} Said\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).ok()
}
