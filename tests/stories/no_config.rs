//! Two minutes after the download: no file, no root, no internet, three different answers.

use crate::actors::{Exit, Plan};

#[test]
fn without_any_configuration_three_networks_get_three_answers() {
    let mut school = Plan::new().unconfigured();
    if let Err(exit) = school.start() {
        panic!("ports 5300 and 8053 of 127.0.0.1 must be free for this story: {exit:?}");
    }
    school.until("the three lines are printed", || school.log().matches("dig -b ").count() == 3);
    let lines: Vec<String> = school
        .log()
        .lines()
        .filter(|line| line.contains("dig -b "))
        .map(|line| line.trim().to_owned())
        .collect();
    let pupil = dig(&lines[0]);
    assert!(pupil.contains("NXDOMAIN") && pupil.contains("EDE: 15"), "{pupil}");
    let guest = dig(&lines[1]);
    assert!(guest.contains("NOERROR") && guest.contains("EDE: 4"), "{guest}");
    // The third line asks an upstream of this machine; only `explain` stays on it.
    let words: Vec<&str> = lines[2].split_whitespace().collect();
    let (client, name) =
        (words[2], words.iter().skip(3).find(|word| word.contains('.') && !word.contains('@')).unwrap());
    let exit = school.run(&["explain", name, "--client", client]);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let same_name = school.run(&["explain", name, "--client", "127.0.0.1"]);
    assert_eq!(same_name.code, Some(3), "what staff may have, pupils may not: {same_name:?}");
    assert!(school.path("schoolgate-state").is_dir());
}

/// Runs a printed line as a person would paste it, without the comment.
fn dig(line: &str) -> String {
    let mut words = line.split('#').next().unwrap().split_whitespace();
    let mut command = std::process::Command::new(words.next().unwrap());
    let exit = Exit::of(command.args(words));
    assert_eq!(exit.code, Some(0), "{line}: {exit:?}");
    exit.out
}
