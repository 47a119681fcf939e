//! The machine that measures, and the memory of a process on it (Linux only, as `/proc` is).

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;

/// Resident memory of one process, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident set: pages in memory, shared ones counted in full.
    pub rss: u64,
    /// Proportional set: shared pages divided among those that share them.
    pub pss: u64,
}

impl Memory {
    /// Of this process.
    pub fn own() -> Outcome<Self> {
        Self::of("self")
    }

    /// Of a process by its number.
    pub fn of(process: &str) -> Outcome<Self> {
        let rollup = std::fs::read_to_string(PathBuf::from("/proc").join(process).join("smaps_rollup"))?;
        let field = |name: &str| -> Outcome<u64> {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes =
                line.and_then(|rest| rest.split_whitespace().next()).ok_or("smaps_rollup without it")?;
            Ok(kibibytes.parse::<u64>()? * 1024)
        };
        Ok(Self { rss: field("Rss:")?, pss: field("Pss:")? })
    }
}

/// The most memory that this process ever had resident, in bytes.
pub fn peak() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> String {
    // Figures for people: a memory size loses nothing that matters as a float.
    #[expect(clippy::cast_precision_loss, reason = "memory sizes are far below 2^52")]
    let bytes = bytes as f64;
    format!("{:.1} MiB", bytes / 1_048_576.0)
}

/// Nanoseconds that this thread has been on a processor: unlike a clock on the wall it does not run
/// while others have the core. `None` on a kernel that does not count them.
pub fn processor_nanoseconds() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// How many processes wanted a core over the last minute: above the number of cores, times on the
/// wall say more about the neighbours than about this program.
pub fn load() -> String {
    let averages = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').next().unwrap_or_default().to_owned()
}

/// Cores of this machine, wherever this thread is kept: `available_parallelism` counts only those that it may use.
pub fn cores() -> usize {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// Processor, cores, kernel, compiler: what one must know to compare figures.
pub fn describe() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("unknown");
    let cores = cores();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}, {}", kernel.trim(), compiler())
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "rustc unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
