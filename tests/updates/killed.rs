//! `kill -9` at any moment of an update.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::process::Stdio;

use blocklists_update::{Lists, LoadedFrom};

use super::*;

/// Updates that are killed.
const ROUNDS: u64 = 100;
/// More answers than any update lasts for.
const PATIENCE: u64 = 1_000_000;

/// The edition of the list in force. Its index must be whole, and be the one that `current` names.
fn edition(lists: &Lists) -> u64 {
    let (index, from) = lists.load_best().unwrap();
    assert_eq!(from, LoadedFrom::Current);
    let source = index.sources().iter().find(|source| source.source.id == "bets").unwrap();
    let copy = std::fs::read_to_string(lists.copies().join(&source.copy_name)).unwrap();
    copy.lines().next().unwrap().trim_start_matches("# edition ").parse().unwrap()
}

#[test]
fn killed_at_any_moment_of_an_update_the_lists_are_whole_and_of_one_edition() {
    let scene = Scene::open();
    scene.while_pupils_ask(|answers, is_over| kill_many(&scene, answers, is_over));
}

#[test]
fn killed_at_any_moment_of_an_update_of_the_overlay_alone_the_lists_are_whole_too() {
    let scene = Scene::open();
    scene.provider.lists("/evil", names("evil", 20_001));
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    let index = || {
        let current = std::fs::read_to_string(scene.school.path("state/lists/current")).unwrap();
        current.lines().next().map(str::to_owned)
    };
    let before = index();
    scene.while_pupils_ask(|answers, is_over| kill_many(&scene, answers, is_over));
    assert_eq!(index(), before, "the big index is the same all along");
    assert_eq!(scene.said("www.evil20000.example"), "NXDOMAIN");
}

/// Kills updates after a random number of answers that a pupil got meanwhile.
fn kill_many(scene: &Scene, answers: &AtomicU64, is_over: &dyn Fn() -> bool) {
    let lists = Lists::open(&scene.school.path("state/lists")).unwrap();
    let offer =
        |edition: u64| scene.provider.lists("/bets", format!("# edition {edition}\n{}", names("bet", 300)));
    // Runs until so many answers were given; whether it ended by itself, and the answers given.
    let update = |answers_max: u64| {
        let mut command = scene.school.command(&["lists", "update"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = answers.load(Ordering::Relaxed);
        let given = || answers.load(Ordering::Relaxed) - start;
        let ended = loop {
            if child.try_wait().unwrap().is_some() {
                break true;
            }
            if given() >= answers_max || is_over() {
                child.kill().unwrap();
                child.wait().unwrap();
                break false;
            }
            thread::yield_now();
        };
        (ended, given())
    };
    offer(0);
    let (ended, length) = update(PATIENCE);
    assert!(ended && edition(&lists) == 0);
    let seed = RandomState::new().build_hasher().finish();
    let (mut chance, mut in_force, mut changed) = (seed | 1, 0, 0);
    for round in 1..=ROUNDS {
        offer(round);
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        update((chance >> 33) % (length + length / 4 + 1));
        assert!(!is_over(), "round {round}, seed {seed}");
        let now = edition(&lists);
        assert!(now == in_force || now == round, "round {round}: edition {now}, seed {seed}");
        assert!(lists.verify().unwrap().iter().all(|file| file.good), "round {round}, seed {seed}");
        changed += u64::from(now != in_force);
        in_force = now;
    }
    assert!(changed < ROUNDS, "no update was killed in time; seed {seed}");
    eprintln!("{ROUNDS} updates killed, {changed} after the new edition was in force");
    offer(ROUNDS + 1);
    assert!(update(PATIENCE).0);
    assert_eq!(edition(&lists), ROUNDS + 1);
    assert_eq!(scene.status("bets")["state"], "ok", "the next update tells what is in force");
    assert!(scene.counts("schoolgate_source_state{source=\"bets\",state=\"ok\"} 1"));
    let left: Vec<_> = std::fs::read_dir(scene.school.path("state/lists")).unwrap().collect();
    let is_unfinished = |name: &str| name.starts_with(".new-");
    assert!(!left.iter().any(|entry| is_unfinished(entry.as_ref().unwrap().file_name().to_str().unwrap())));
}
