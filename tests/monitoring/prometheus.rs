//! A real Prometheus on a free loopback port, asked over its HTTP API.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::actors::Coordinator;

/// Longest wait for Prometheus to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says how to get what is missing; a skipped check would look like a passed one.
fn missing(program: &str, error: &std::io::Error) -> ! {
    panic!(
        "`{program}` cannot be started ({error}). The shipped monitoring can only be tested with it: \
         apt-get install --no-install-recommends prometheus"
    )
}

/// Runs a check of promtool in a folder.
pub fn promtool(arguments: &[&str], folder: &Path) {
    let output = Command::new("promtool").args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| missing("promtool", &error));
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "promtool {}:\n{}", arguments.join(" "), said.concat());
}

/// A running Prometheus; it ends with this value.
pub struct Prometheus {
    child: Child,
    api: Coordinator,
    said: Arc<Mutex<String>>,
    lines: Receiver<()>,
}

/// A rule as Prometheus loaded it.
pub struct Rule {
    /// Name of the recorded series, or of the alert.
    pub name: String,
    /// What went wrong when it was last evaluated; empty when nothing did.
    pub error: String,
    /// Annotations of an alert.
    pub annotations: BTreeMap<String, String>,
    /// Labels that it adds.
    pub labels: BTreeMap<String, String>,
}

impl Prometheus {
    /// Starts with the `prometheus.yml` of a folder; its data go into the folder, too.
    pub fn start(folder: &Path) -> Self {
        let child = Command::new("prometheus")
            .args([
                "--config.file=prometheus.yml",
                "--storage.tsdb.path=data",
                "--web.listen-address=127.0.0.1:0",
            ])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| missing("prometheus", &error));
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, lines) = channel();
        let (pipe, log) = (child.stderr.take().unwrap(), Arc::clone(&said));
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                log.lock().unwrap().push_str(&format!("{line}\n"));
                let _ = heard.send(());
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut prometheus = Self { child, api: Coordinator::new(nowhere), said, lines };
        let started = Instant::now();
        while prometheus.api.address() == nowhere || !prometheus.is_ready() {
            assert!(started.elapsed() < PATIENCE, "Prometheus is not ready:\n{}", prometheus.log());
            prometheus.listen_for_a_moment();
            prometheus.api = Coordinator::new(prometheus.listens().unwrap_or(nowhere));
        }
        prometheus
    }

    /// The port is its own choice; it says which.
    fn listens(&self) -> Option<SocketAddr> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("msg=\"Listening on\""))?;
        line.split_once("address=")?.1.split_whitespace().next()?.parse().ok()
    }

    fn is_ready(&self) -> bool {
        self.ask("/-/ready").is_some_and(|(status, _)| status == 200)
    }

    /// HTTP/1.0, so that the answer is not cut into chunks.
    fn ask(&self, path: &str) -> Option<(u16, String)> {
        let response = self.api.send(&format!("GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n"))?;
        Some((response.status, response.body))
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path).unwrap_or_else(|| panic!("no answer to {path}"));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"))
    }

    /// The values of an instant query; a wrong query fails the test.
    pub fn query(&self, expression: &str) -> Vec<f64> {
        let answer = self.get(&format!("/api/v1/query?query={}", percent_encoded(expression)));
        let samples = answer["data"]["result"].as_array().unwrap().iter();
        samples.map(|sample| sample["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    /// The rules of one kind, `record` or `alert`, as they were loaded.
    pub fn rules(&self, kind: &str) -> Vec<Rule> {
        let answer = self.get(&format!("/api/v1/rules?type={kind}"));
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let strings = |value: &Value| serde_json::from_value(value.clone()).unwrap_or_default();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap()).map(|rule| Rule {
            name: rule["name"].as_str().unwrap().to_owned(),
            error: rule["lastError"].as_str().unwrap_or_default().to_owned(),
            annotations: strings(&rule["annotations"]),
            labels: strings(&rule["labels"]),
        });
        rules.collect()
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits for its next line, but only for a moment: between two looks at a condition.
    pub fn listen_for_a_moment(&self) {
        let _ = self.lines.recv_timeout(Duration::from_millis(200));
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}
