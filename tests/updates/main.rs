//! Stories of block lists that change while a school works: the real program fetches from a provider
//! that has good days and bad ones, is killed in the middle, runs out of disk, and goes back.
//!
//! Whatever happens, pupils are filtered all along, and the lists in force are whole.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[allow(dead_code, unused_imports, reason = "the actors of the stories; not each has a part here")]
#[path = "../stories/actors/mod.rs"]
mod actors;
mod bad_day;
mod by_itself;
mod full_disk;
mod killed;
#[allow(dead_code, reason = "the provider of the crate's own tests; not each bad day is played here")]
#[path = "../../blocklists/update/tests/updates/provider.rs"]
mod provider;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use actors::{Plan, School, Upstream};
use provider::Provider;
use serde_json::Value;

/// A school that fetches a list of each kind, and what is around it.
struct Scene {
    school: School,
    provider: Provider,
    _upstream: Upstream,
}

/// So many names of a kind, one a line.
fn names(kind: &str, count: usize) -> String {
    (0..count).map(|number| format!("{kind}{number}.example\n")).collect()
}

/// The policy over a provider's lists.
fn policy(provider: &Provider) -> String {
    let mut text = "version = 1\ntimezone = \"Europe/London\"\n".to_owned();
    for (id, category, trust) in
        [("bets", "gambling", "normal"), ("evil", "malware", "core"), ("police", "illegal/other", "core")]
    {
        let url = provider.url(&format!("/{id}"));
        text += &format!(
            "[[source]]\nid = \"{id}\"\ncategory = \"{category}\"\nformat = \"domains\"\nurl = \"{url}\"\ntrust = \"{trust}\"\n"
        );
    }
    text + "[[source]]\nid = \"ours\"\ncategory = \"games\"\nformat = \"domains\"\npath = \"ours.txt\"\n\
            [[network]]\nid = \"pupils\"\nsubnets = [\"127.20.0.0/16\"]\npolicy = \"ks2\"\n"
}

impl Scene {
    /// Lists are there, the school is laid out and not open yet.
    fn lay_out() -> Self {
        let (provider, upstream) = (Provider::open(), Upstream::start());
        provider.lists("/bets", names("bet", 300));
        provider.lists("/evil", "evil.example\n");
        provider.lists("/police", "locked.example\n");
        let plan = Plan::new().listens(&["127.0.0.1"]).forwards_to(&upstream).admin("metrics = \"open\"");
        let school = plan.policy(&policy(&provider)).file("ours.txt", "ours.example\n").lay_out();
        Self { school, provider, _upstream: upstream }
    }

    /// The school is open, with every list in force.
    fn open() -> Self {
        let mut scene = Self::lay_out();
        scene.school.start().unwrap();
        scene.school.until("the fetched lists are in force", || scene.said("www.bet0.example") == "NXDOMAIN");
        scene
    }

    /// What a pupil hears.
    fn said(&self, name: &str) -> String {
        self.school.pupil("127.20.0.5").ask(name, "A").said()
    }

    /// Pupils ask all along while something happens: what is listed stays blocked, what is not is
    /// answered. `act` gets the count of their answers, and whether they were let down.
    fn while_pupils_ask(&self, act: impl FnOnce(&AtomicU64, &dyn Fn() -> bool)) {
        /// Ends the questions, also where the story fails.
        struct Over<'a>(&'a AtomicBool);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let (done, answers) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|threads| {
            let asking = threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(self.said("www.bet0.example"), "NXDOMAIN", "filtering stopped");
                    assert_ne!(self.said("shop.example"), "NXDOMAIN", "answering stopped");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
            let over = Over(&done);
            act(&answers, &|| asking.is_finished());
            drop(over);
            asking.join().unwrap();
        });
        assert!(answers.into_inner() > 0, "nobody asked");
    }

    /// Every file of the lists is as it was written.
    fn is_whole(&self) -> bool {
        self.school.run(&["lists", "verify"]).code == Some(0)
    }

    /// The lists in force, as the file says that names them.
    fn in_force(&self) -> String {
        std::fs::read_to_string(self.school.path("state/lists/current")).unwrap()
    }

    /// What `lists status` says of a list.
    fn status(&self, id: &str) -> Value {
        let exit = self.school.run(&["lists", "status", "--json"]);
        let status: Value = serde_json::from_str(&exit.out).unwrap();
        status["items"].as_array().unwrap().iter().find(|item| item["id"] == id).unwrap().clone()
    }

    /// Whether a line stands on the metrics page.
    fn counts(&self, line: &str) -> bool {
        self.school.coordinator().get("/metrics").body.lines().any(|one| one == line)
    }
}
