//! How every bench's page begins: what it shows, the command that shows it again, machine and method.

use crate::machine;

/// Title, command, machine, method, as Markdown.
pub fn begin(bench: &str, title: &str, trial: bool, method: &str) -> String {
    let trial = if trial { "**A trial run: nothing here is worth quoting.**\n\n" } else { "" };
    format!(
        "# {title}\n\n{trial}`cargo run --release -p benches -- {bench}` on {}; load average {} at the beginning.\n\n\
         {method}\n\n",
        machine::describe(),
        machine::load()
    )
}

/// The page's last line.
pub fn end() -> String {
    format!("\nLoad average {} at the end.\n", machine::load())
}
