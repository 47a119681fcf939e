//! Lists whose authors prove them: checksums and signatures.

use blocklists::upkeep::Proof;
use sha2::{Digest, Sha256};

use super::*;

const LIST: &str = "bet.example\nbingo.example\n";
/// A key and its signature over [`LIST`], made for these tests with OpenSSL.
const KEY: &str = "RWRTQ0hPT0xHVMCvhSNzX+a0yHHLkCDXDmK4k0sWlkg7OZk/dWM4rvP0";
const SIGNATURE: &str = "untrusted comment: signature of a test
RURTQ0hPT0xHVJSS+CAi4JwgJLpccpzSQdazlXVA105PsIWoDh0+HahAm6hA+bVSY90KPJbsgRvRn0ut1TkiOafo2LSOfl6LXgk=
trusted comment: timestamp:1764000000\tfile:bets.txt
3aw1KBRwZtC40ATjX8KuhcswxvHttzyXA3lkN5gc10OBtml8R8KTz6tvKTPe7hHiEMRvCU5uEaxjdckjA5y8DQ==
";
/// Another key, of minisign's own documentation.
const OTHER_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What becomes of a list and its proof.
fn had(proof: Proof, files: &[(&str, &str)]) -> Result<(), String> {
    let (school, provider) = (School::new(), Provider::open());
    files.iter().for_each(|(path, text)| provider.lists(path, text));
    let proof = match proof {
        Proof::ChecksumUrl(path) => Proof::ChecksumUrl(provider.url(&path)),
        proof => proof,
    };
    let order = Order::new().keeps("bets", Upkeep { proof: Some(proof), ..Upkeep::default() });
    let sources = [source("bets", "gambling", Location::Url(provider.url("/bets.txt")))];
    let outcome = school.run(&order, &sources);
    match outcome.refused.first() {
        None => {
            assert!(school.lists("bet.example"));
            assert!(school.run(&order, &sources).unchanged, "and it is not fetched and proved again");
            assert_eq!(provider.asked().last().unwrap().path, "/bets.txt");
            Ok(())
        }
        Some((_, why)) => {
            assert!(!school.lists("bet.example"), "{why}");
            assert!(school.files("copies").is_empty());
            Err(why.clone())
        }
    }
}

#[test]
fn a_checksum_holds_for_one_list_only() {
    assert_eq!(had(Proof::Sha256(sha256(LIST)), &[("/bets.txt", LIST)]), Ok(()));
    let why = had(Proof::Sha256(sha256("another")), &[("/bets.txt", LIST)]).unwrap_err();
    assert!(why.contains("checksum is wrong"), "{why}");
}

#[test]
fn a_checksum_may_stand_beside_the_list() {
    let sums = format!("{}  other.txt\n{} *bets.txt\n", sha256("another"), sha256(LIST));
    let proof = || Proof::ChecksumUrl("/SHA256SUMS".to_owned());
    assert_eq!(had(proof(), &[("/bets.txt", LIST), ("/SHA256SUMS", &sums)]), Ok(()));
    for (sums, expected) in [(sha256("another"), "wrong"), ("no sums".to_owned(), "no SHA-256")] {
        let why = had(proof(), &[("/bets.txt", LIST), ("/SHA256SUMS", &sums)]).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    let why = had(proof(), &[("/bets.txt", LIST)]).unwrap_err();
    assert!(why.contains("its checksum: the server answered with HTTP status 404"), "{why}");
}

#[test]
fn a_signature_holds_for_one_list_and_one_key_only() {
    let signed = [("/bets.txt", LIST), ("/bets.txt.minisig", SIGNATURE)];
    assert_eq!(had(Proof::Minisign(KEY.to_owned()), &signed), Ok(()));
    for (key, list, signature, expected) in [
        (KEY, "google.com\n", SIGNATURE, "not the one that was signed"),
        (OTHER_KEY, LIST, SIGNATURE, "another key"),
        (KEY, LIST, "<html>not here</html>", "no minisign signature"),
    ] {
        let files = [("/bets.txt", list), ("/bets.txt.minisig", signature)];
        let why = had(Proof::Minisign(key.to_owned()), &files).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
    assert!(had(Proof::Minisign(KEY.to_owned()), &signed[..1]).unwrap_err().contains("its signature"));
}

#[test]
fn a_list_that_must_be_proved_from_now_on_is_asked_for_again() {
    let (school, provider) = (School::new(), Provider::open());
    provider.lists("/bets.txt", LIST);
    let sources = [source("bets", "gambling", Location::Url(provider.url("/bets.txt")))];
    school.run(&Order::new(), &sources);
    provider.asked();
    let proof = Some(Proof::Sha256(sha256("another")));
    let order = Order::new().keeps("bets", Upkeep { proof, ..Upkeep::default() });
    assert_eq!(school.run(&order, &sources).refused.len(), 1);
    assert!(!provider.asked()[0].headers.contains_key("if-none-match"));
    assert_eq!(school.item("bets").state, State::Refused);
}
