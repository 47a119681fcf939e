//! A disk that takes no more: the update ends with a clear sentence, what was in force stays, and
//! nothing is left behind that would fill it further.
//!
//! The limit on a file's size stands in for the full disk everywhere; as root a real one is made.

use std::process::Command;

use super::*;
use crate::actors::Exit;

/// Sizes that no file may pass, in blocks of 512 bytes: from "nothing" to "nearly all".
const BLOCKS: [u32; 9] = [0, 1, 2, 4, 8, 12, 16, 24, 40];
/// Ignores the signal that would end the program where it writes too much, so that it sees an error.
const LIMITED: &str = r#"trap '' XFSZ; ulimit -f "$1"; shift; exec "$@""#;
/// Fills a small disk of its own, updates, makes room, updates: the three exit codes, and what is left behind.
const SMALL_DISK: &str = r#"
set -e
lists="$1"; list="$2"; new="$3"; shift 3
cp -r "$lists" "$lists.before"
mount -t tmpfs -o size=1m tmpfs "$lists"
cp -r "$lists.before/." "$lists"
cp "$new" "$list"
head -c 2m /dev/zero > "$lists/filler" 2>/dev/null || true
"$@" update && code=0 || code=$?
echo "full $code"
ls -A "$lists" "$lists/copies" | grep -c '^[.]new-' || true
"$@" verify > /dev/null && code=0 || code=$?
echo "whole $code"
rm "$lists/filler"
"$@" update && code=0 || code=$?
echo "room $code"
"#;

fn left_behind(school: &School) -> Vec<String> {
    let folders =
        ["state/lists", "state/lists/copies"].map(|folder| std::fs::read_dir(school.path(folder)).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files.filter(|name| name.starts_with(".new-")).collect()
}

#[test]
fn a_disk_that_is_full_costs_the_update_and_nothing_else() {
    let scene = Scene::open();
    let program = scene.school.command(&["lists", "update"]);
    let mut told = 0;
    scene.while_pupils_ask(|_, is_over| {
        for (edition, blocks) in BLOCKS.into_iter().enumerate() {
            scene.provider.lists("/bets", names("bet", 301 + edition));
            let before = scene.in_force();
            let mut command = Command::new("sh");
            command
                .args(["-c", LIMITED, "sh", &blocks.to_string()])
                .arg(program.get_program())
                .args(program.get_args());
            let exit = Exit::of(command.current_dir(scene.school.path(".")));
            assert_eq!(left_behind(&scene.school), [""; 0], "{blocks}");
            assert!(scene.is_whole(), "{blocks}");
            assert!(!is_over(), "{blocks}");
            if exit.code == Some(0) {
                continue;
            }
            told += 1;
            assert_eq!(exit.code, Some(1), "{blocks}: {exit:?}");
            assert!(exit.err.contains("what was in force stays. Check free space"), "{blocks}: {exit:?}");
            if !exit.err.contains("status.json") {
                assert_eq!(scene.in_force(), before, "{blocks}");
            }
        }
    });
    assert!(told > 4, "the limits were too wide to say anything");
    scene.provider.lists("/bets", names("bet", 400));
    assert_eq!(scene.school.run(&["lists", "update"]).code, Some(0));
    scene.school.until("the next update heals it", || scene.said("bet399.example") == "NXDOMAIN");
    assert_eq!(scene.status("bets")["entries"], 400);
    assert!(scene.counts("schoolgate_source_state{source=\"bets\",state=\"ok\"} 1"));
}

#[test]
fn a_real_disk_without_room_does_the_same() {
    assert!(nix::unistd::geteuid().is_root(), "only root can make a small disk: run this story as root");
    let mut scene = Scene::open();
    scene.school.stop();
    scene.school.write("bigger.txt", names("ours", 900));
    let program = scene.school.command(&["--config"]);
    let exit = Exit::of(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", SMALL_DISK, "sh"])
            .arg(scene.school.path("state/lists"))
            .arg(scene.school.path("ours.txt"))
            .arg(scene.school.path("bigger.txt"))
            .arg(program.get_program())
            .args(["--config", "schoolgate.toml", "lists"])
            .current_dir(scene.school.path(".")),
    );
    let said: Vec<&str> =
        exit.out.lines().filter(|line| !line.contains(':') && *line != "compiling").collect();
    assert_eq!(said, ["full 1", "0", "whole 0", "room 0"], "{exit:?}");
    assert!(exit.err.contains("No space left on device"), "{exit:?}");
}
