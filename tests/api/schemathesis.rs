//! Schemathesis makes requests from the description, good ones and bad ones, and holds every answer
//! against it: status, content type, headers, body, and that no token is no way in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::actors::Exit;
use crate::office::office;

/// Requests for each operation and phase, at most.
const EXAMPLES_MAX: &str = "200";
/// Seconds for one answer, at most.
const PATIENCE: &str = "10";

/// Every version, so that a run today and one next year are the same.
const REQUIREMENTS: &str = include_str!("requirements.txt");

#[test]
fn the_api_is_what_its_description_says() {
    let office = office();
    let admin = office.school.coordinator().address();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api");
    let mut command = Command::new(installed().join("bin/schemathesis"));
    command
        .current_dir(office.school.path("."))
        .env("SCHOOLGATE_TOKEN", &office.read)
        .env("SCHOOLGATE_OPERATOR", &office.operate)
        .args(["--config-file".as_ref(), folder.join("schemathesis.toml").as_os_str()])
        .args(["run", &format!("http://{admin}/api/v1/openapi.json"), "--url", &format!("http://{admin}")])
        .args([
            "--max-examples",
            EXAMPLES_MAX,
            "--request-timeout",
            PATIENCE,
            "--continue-on-failure",
            "--no-color",
        ]);
    let exit = Exit::of(&mut command);
    assert_eq!(exit.code, Some(0), "schemathesis found something:\n{}\n{}", exit.out, exit.err);
    let figures = exit.out.split("SUMMARY").nth(1).unwrap_or(&exit.out);
    println!("{figures}");
}

/// A Python environment below `target` with what the test needs, made when it is not there.
fn installed() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    let mark = home.join("installed.txt");
    if fs::read_to_string(&mark).is_ok_and(|mark| mark == REQUIREMENTS) {
        return home;
    }
    let _ = fs::remove_dir_all(&home);
    let wanted = home.join("requirements.txt");
    step(
        Command::new("python3").args(["-m", "venv"]).arg(&home),
        "python3 with its module venv is needed (Debian: python3-venv)",
    );
    fs::write(&wanted, REQUIREMENTS).unwrap();
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--timeout",
        "30",
        "--requirement",
    ];
    step(
        Command::new(home.join("bin/python")).args(pip).arg(&wanted),
        "schemathesis could not be installed from PyPI; is there a way to it, and is Python 3.10 or later here?",
    );
    fs::write(&mark, REQUIREMENTS).unwrap();
    home
}

fn step(command: &mut Command, otherwise: &str) {
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{otherwise}\n{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{otherwise}\n{error}"),
    }
}
