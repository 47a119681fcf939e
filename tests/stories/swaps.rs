//! Starting, loading and swapping lists again and again while somebody asks for listed names without a
//! pause: nothing but a block ever comes back. The long form, with a million names, is
//! `cargo run --release -p benches -- leaks`.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::actors::{Plan, Question, Reply, School, Upstream};

/// Starts, and swaps.
const TIMES: usize = 20;
/// Names that every edition of the lists blocks, in one source or another.
const LISTED: usize = 300;
/// How long the one who asks waits for a reply before it asks the next question.
const NEXT: Duration = Duration::from_millis(2);

/// A school with three lists between which names move from edition to edition.
fn school(upstream: &Upstream) -> School {
    let source = |number: usize| {
        format!(
            "[[source]]\nid = \"part-{number}\"\ncategory = \"gambling\"\nformat = \"domains\"\npath = \"part-{number}.txt\"\n"
        )
    };
    let policy = format!(
        "version = 1\n{}[[network]]\nid = \"pupils\"\nsubnets = [\"127.20.0.0/16\"]\npolicy = \"ks2\"\n",
        (0..3).map(source).collect::<String>()
    );
    let school = Plan::new().policy(&policy).forwards_to(upstream).lay_out();
    write_edition(&school, 0);
    school
}

/// Every name is in another list than in the edition before; one name tells the edition.
fn write_edition(school: &School, edition: usize) {
    for part in 0..3 {
        let own = (0..LISTED).filter(|name| (name + edition) % 3 == part);
        let names: String = own.map(|name| format!("casino-{name}.example\n")).collect();
        school.write(format!("part-{part}.txt"), format!("{names}edition-{edition}.example\n"));
    }
}

/// Asks for listed names as fast as it can until told to stop; counts what came back. The answer to
/// each question is one of those that come before the next.
fn ask_without_a_pause(server: SocketAddr, done: &AtomicBool) -> BTreeMap<String, usize> {
    let socket = UdpSocket::bind("127.20.0.66:0").unwrap();
    socket.set_read_timeout(Some(NEXT)).unwrap();
    let (mut answers, mut buffer) = (BTreeMap::new(), [0; 2048]);
    for name in (0..LISTED).cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        // Nobody listens while the program is down.
        let _ = socket.send_to(&Question::new(&format!("www.casino-{name}.example"), "A").bytes(), server);
        if let Ok(length) = socket.recv(&mut buffer) {
            *answers.entry(Reply::read(buffer[..length].to_vec()).said()).or_insert(0) += 1;
        }
    }
    answers
}

/// What came back while `work` was done.
fn answers_during(server: SocketAddr, work: impl FnOnce()) -> BTreeMap<String, usize> {
    /// Whoever asks stops, even when the work fails.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let asking = threads.spawn(|| ask_without_a_pause(server, &done));
        {
            let _done = Done(&done);
            work();
        }
        asking.join().unwrap()
    })
}

fn is_blocked(school: &School, name: &str) -> bool {
    school.pupil("127.20.0.5").ask(name, "A").said() == "NXDOMAIN"
}

#[test]
fn no_listed_name_passes_in_twenty_starts() {
    let upstream = Upstream::start();
    let mut school = school(&upstream);
    let answers = answers_during(school.server(), || {
        for start in 0..TIMES {
            // Every fifth time there is no index, and it has to be compiled first.
            if start % 5 == 0 && school.path("state").exists() {
                fs::remove_dir_all(school.path("state")).unwrap();
            }
            school.start().unwrap();
            assert!(is_blocked(&school, "www.casino-7.example"));
            school.stop();
        }
    });
    let kinds: Vec<&str> = answers.keys().map(String::as_str).collect();
    assert!(kinds.iter().all(|kind| ["NXDOMAIN", "REFUSED"].contains(kind)), "{answers:?}");
    assert!(answers.contains_key("NXDOMAIN"), "{answers:?}");
    assert_eq!(upstream.times_asked_below("example"), 0, "nothing listed went upstream");
}

#[test]
fn no_listed_name_passes_in_twenty_swaps() {
    let upstream = Upstream::start();
    let mut school = school(&upstream);
    school.start().unwrap();
    let answers = answers_during(school.server(), || {
        for edition in 1..=TIMES {
            write_edition(&school, edition);
            let exit = school.run(&["lists", "update"]);
            assert_eq!(exit.code, Some(0), "{exit:?}");
            school
                .until("the edition is live", || is_blocked(&school, &format!("edition-{edition}.example")));
        }
    });
    let kinds: Vec<&str> = answers.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["NXDOMAIN"], "{answers:?}");
    assert_eq!(upstream.times_asked_below("casino-7.example"), 0, "nothing listed went upstream");
}
