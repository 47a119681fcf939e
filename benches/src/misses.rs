//! What one cache miss costs on the upstream side: processor time of this process for each question
//! that a server on loopback answers.
//!
//! The server is another process on another core, so that only the asking side is counted. Every
//! question is a new name, 100 are under way at a time, and each number is the processor time (user
//! and system) of the asking process divided by the questions answered. `--server` asks somebody else
//! (an `unbound` that speaks TLS, say) instead of the built-in responder.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use blocklists::name::Name;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use resolver::upstream::{ServerAddress, UpQuestion, Upstreams};

use crate::Outcome;

/// Questions under way at one time.
const AT_ONCE: usize = 100;
/// Questions that open sockets and fill tables before the count begins.
const WARM_UP: usize = 5_000;
/// Questions of one measurement.
const QUESTIONS: usize = 100_000;
const RUNS: usize = 5;
/// Octets of header and of the OPT record without options, around the question.
const HEADER: usize = 12;

/// `benches misses [--server URL]…`
pub fn run(arguments: &[&str]) -> Outcome<ExitCode> {
    let mut servers = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match (*word, words.next()) {
            ("--server", Some(url)) => servers.push((*url).to_owned()),
            _ => return Err(format!("`{word}` is not understood; see --help").into()),
        }
    }
    let responder = Responder::start()?;
    if servers.is_empty() {
        servers = ["udp", "tcp"].map(|scheme| format!("{scheme}://{}", responder.address)).to_vec();
    }
    println!("| upstream | processor us a miss | all runs | questions a second |\n|---|---|---|---|");
    for server in &servers {
        println!("{}", in_own_process(server)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures in a fresh process on the first core: its processor time is the misses' alone.
fn in_own_process(server: &str) -> Outcome<String> {
    let output = pinned("0", &["misses-of", server])?.stdout(Stdio::piped()).output()?;
    if !output.status.success() {
        return Err(format!("asking {server} failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// This program again, on one core.
fn pinned(core: &str, arguments: &[&str]) -> Outcome<Command> {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(std::env::current_exe()?).args(arguments);
    Ok(command)
}

/// `benches misses-of URL`: prints one row.
pub fn of(server: &str) -> Outcome<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let server: ServerAddress = server.parse()?;
    let upstreams = Upstreams::plain(vec![vec![server.clone()]], &[]);
    let mut runs = Vec::new();
    let mut rate = 0.0_f64;
    runtime.block_on(async {
        ask(&upstreams, WARM_UP, 0).await?;
        for run in 1..=RUNS {
            let (spent, started) = (processor(), Instant::now());
            ask(&upstreams, QUESTIONS, run).await?;
            #[expect(clippy::cast_precision_loss, reason = "a printed figure")]
            let questions = QUESTIONS as f64;
            runs.push((processor() - spent).as_secs_f64() * 1e6 / questions);
            rate = rate.max(questions / started.elapsed().as_secs_f64());
        }
        Outcome::Ok(())
    })?;
    let all: Vec<String> = runs.iter().map(|run| format!("{run:.1}")).collect();
    runs.sort_by(f64::total_cmp);
    println!("| {server} | {:.1} | {} | {rate:.0} |", runs[RUNS / 2], all.join(" "));
    Ok(ExitCode::SUCCESS)
}

/// Asks for `questions` names that nobody asked for before.
async fn ask(upstreams: &Upstreams, questions: usize, run: usize) -> Outcome<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (upstreams, next) = (upstreams.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            let group = upstreams.group(0).ok_or("there is no group")?;
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= questions {
                    return Ok::<(), String>(());
                }
                let name = Name::parse(&format!("n{number}.r{run}.misses.example"))
                    .map_err(|error| error.to_string())?;
                let question = UpQuestion { name, rtype: 1, dnssec_ok: false, checking_disabled: false };
                group.ask(&question).await.map_err(|error| error.to_string())?;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

/// Processor time of this process so far.
fn processor() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

/// The answering process; stopped when dropped.
struct Responder {
    child: Child,
    address: SocketAddr,
}

impl Responder {
    fn start() -> Outcome<Self> {
        let mut child = pinned("1", &["misses-responder"])?.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the responder has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse()? })
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `benches misses-responder`: answers every question with one address, over UDP and TCP.
pub fn responder() -> Outcome<ExitCode> {
    let streams = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let datagrams = UdpSocket::bind(streams.local_addr()?)?;
    println!("{}", datagrams.local_addr()?);
    std::thread::spawn(move || {
        for stream in streams.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = datagrams.recv_from(&mut buffer)?;
        if let Some(reply) = buffer.get(..length).and_then(reply) {
            datagrams.send_to(&reply, from)?;
        }
    }
}

/// Answers a stream; whatever arrives together is answered together.
fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut pending = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let length = stream.read(&mut buffer).ok().filter(|&length| length > 0)?;
        pending.extend_from_slice(buffer.get(..length)?);
        let mut out = Vec::new();
        while let Some((length, rest)) = pending.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some(query) = rest.get(..length) else { break };
            let reply = reply(query)?;
            out.extend_from_slice(&u16::try_from(reply.len()).ok()?.to_be_bytes());
            out.extend_from_slice(&reply);
            pending.drain(..2 + length);
        }
        stream.write_all(&out).ok()?;
    }
}

/// The question again, with one address of TTL 60.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(HEADER..)?.iter().position(|&octet| octet == 0)?;
    let mut reply = query.get(..HEADER + name + 5)?.to_vec();
    reply.get_mut(2..4)?.copy_from_slice(&[0x81, 0x80]);
    reply.get_mut(6..12)?.copy_from_slice(&[0, 1, 0, 0, 0, 0]);
    reply.extend_from_slice(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
    Some(reply)
}
