//! From power-on to ready: never an unfiltered answer, and a damaged index is no reason to give up.

use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::actors::{Question, Reply, School, Transport, Upstream};
use crate::scene::plan;

#[test]
fn no_answer_is_unfiltered_while_the_program_starts() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    school.stop();
    for folder in ["state", ""] {
        // Once with an index that is there, once with one that must be compiled first.
        if folder.is_empty() {
            fs::remove_dir_all(school.path("state")).unwrap();
        }
        let (server, done) = (school.server(), AtomicBool::new(false));
        let codes = thread::scope(|threads| {
            let hammer = threads.spawn(|| hammer(server, &done));
            school.start().unwrap();
            // The first answers after ready belong to the proof too.
            assert_eq!(school.pupil("127.20.0.5").ask("poker.example", "A").said(), "NXDOMAIN");
            done.store(true, Ordering::Relaxed);
            hammer.join().unwrap()
        });
        for code in &codes {
            assert!(["NXDOMAIN", "REFUSED"].contains(&code.as_str()), "an answer before ready: {code}");
        }
        school.stop();
    }
    assert_eq!(upstream.times_asked_below("poker.example"), 0);
}

/// Asks for a listed name as fast as it can until told to stop; gives every answer.
fn hammer(server: std::net::SocketAddr, done: &AtomicBool) -> Vec<String> {
    let socket = UdpSocket::bind("127.20.0.66:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
    let mut answers = Vec::new();
    let mut buffer = [0; 2048];
    while !done.load(Ordering::Relaxed) {
        let _ = socket.send_to(&Question::new("www.poker.example", "A").bytes(), server);
        while let Ok(length) = socket.recv(&mut buffer) {
            answers.push(Reply::read(buffer[..length].to_vec()).said());
        }
    }
    answers
}

/// The index files of a school.
fn indexes(school: &School) -> Vec<PathBuf> {
    let entries = fs::read_dir(school.path("state/lists")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|end| end == "idx")).collect()
}

fn filters(school: &School) {
    let pupil = school.pupil("127.20.0.5");
    assert_eq!(pupil.ask("www.poker.example", "A").said(), "NXDOMAIN");
    assert_eq!(pupil.ask("shop.example", "A").said(), "A 198.51.100.7");
}

#[test]
fn a_damaged_index_is_compiled_again_from_kept_copies() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    school.stop();
    for damage in [&b""[..], b"not an index", &[0; 4096]] {
        indexes(&school).iter().for_each(|path| fs::write(path, damage).unwrap());
        school.start().unwrap();
        filters(&school);
        school.stop();
    }
    // One bit of a long file.
    for path in indexes(&school) {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    school.start().unwrap();
    filters(&school);
}

#[test]
fn without_list_files_the_kept_copies_serve() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    school.stop();
    fs::remove_dir_all(school.path("lists")).unwrap();
    indexes(&school).iter().for_each(|path| fs::remove_file(path).unwrap());
    school.start().unwrap();
    filters(&school);
}

#[test]
fn a_damaged_current_falls_back_to_the_previous_index() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    school.write("lists/games.normal.domains", "games.example\nchess.example\nsecond-edition.example\n");
    assert_eq!(school.run(&["lists", "update"]).code, Some(0));
    assert_eq!(indexes(&school).len(), 2, "the last two are kept");
    school.stop();
    let current = fs::read_to_string(school.path("state/lists/current")).unwrap();
    fs::write(school.path(format!("state/lists/{}.idx", current.trim())), "torn").unwrap();
    school.start().unwrap();
    filters(&school);
    school.stop();
    fs::write(school.path("state/lists/current"), "").unwrap();
    school.start().unwrap();
    filters(&school);
}

#[test]
fn a_stop_at_any_moment_costs_nothing() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    for _ in 0..3 {
        school.stop();
        school.start().unwrap();
        filters(&school);
    }
    let reply = school.pupil("127.20.0.5").send(Transport::Tcp, &Question::new("locked.example", "A"));
    assert_eq!(reply.extended_errors(), ["16 locked"]);
}

/// Every file of the lists folder by name, length included; files may come and go meanwhile.
fn listing(school: &School) -> Vec<(PathBuf, u64)> {
    let folders = ["state/lists", "state/lists/copies"].map(|folder| fs::read_dir(school.path(folder)));
    let entries = folders.into_iter().flatten().flatten().flatten();
    let mut files: Vec<_> =
        entries.map(|entry| (entry.path(), entry.metadata().map_or(0, |data| data.len()))).collect();
    files.sort();
    files
}

#[test]
fn a_power_cut_during_an_update_leaves_a_whole_index() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).open();
    let long: String = (0..20_000).map(|n| format!("n{n}.bulk.example\n")).collect();
    for cut in 0..10 {
        school.write("lists/games.normal.domains", format!("games.example\nedition-{cut}.example\n{long}"));
        let mut update = school.command(&["lists", "update"]).stdout(Stdio::null()).spawn().unwrap();
        // Cut after another change of the folder each time, unless it is over before.
        let (mut seen, mut changes) = (listing(&school), 0);
        while changes <= cut && update.try_wait().unwrap().is_none() {
            let now = listing(&school);
            changes += i32::from(now != seen);
            seen = now;
        }
        update.kill().unwrap();
        update.wait().unwrap();
        assert_eq!(school.run(&["lists", "verify"]).code, Some(0), "cut {cut}");
        filters(&school);
    }
    school.stop();
    school.start().unwrap();
    filters(&school);
    assert_eq!(school.run(&["lists", "update"]).code, Some(0), "and the next update works");
}

#[test]
fn a_missing_list_file_leaves_the_others_working() {
    let upstream = Upstream::start();
    let mut school = plan().forwards_to(&upstream).lay_out();
    fs::remove_file(school.path("lists/games.normal.domains")).unwrap();
    school.start().unwrap();
    filters(&school);
    let status = school.run(&["lists", "status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).unwrap();
    let item = status["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["id"] == "games-normal-domains")
        .unwrap()
        .clone();
    assert!(["missing", "refused"].contains(&item["state"].as_str().unwrap()), "{item}");
    assert!(item["error"].as_str().is_some_and(|error| error.contains("games.normal.domains")), "{item}");
}
