//! What the command line asks of the benches that start servers.

use std::path::PathBuf;

use crate::Outcome;

/// Words after the bench's own name.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many names are listed; each bench has its own default.
    pub names: Option<usize>,
    /// Folder of real lists; without one the names are generated.
    pub data: Option<PathBuf>,
    /// The program that is measured.
    pub server: PathBuf,
    /// A short trial: everything once, nothing worth quoting.
    pub quick: bool,
    /// How often everything is repeated; each bench has its own default.
    pub repeats: Option<usize>,
    /// Folder that the report and its chart are written to.
    pub write: Option<PathBuf>,
    /// Which servers take part; empty = all.
    pub only: Vec<String>,
}

impl Options {
    /// Reads them; the program is looked for beside this one.
    pub fn read(arguments: &[&str]) -> Outcome<Self> {
        let mut options = Self {
            names: None,
            data: None,
            server: std::env::current_exe()?.with_file_name("schoolgate"),
            quick: false,
            repeats: None,
            write: None,
            only: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().copied().ok_or_else(|| format!("`{word}` needs a value; see --help"));
            match *word {
                "--names" => options.names = Some(value()?.replace('_', "").parse()?),
                "--data" => options.data = Some(PathBuf::from(value()?).canonicalize()?),
                "--server" => options.server = PathBuf::from(value()?),
                "--repeats" => options.repeats = Some(value()?.parse()?),
                "--write" => options.write = Some(PathBuf::from(value()?)),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--quick" => options.quick = true,
                _ => return Err(format!("`{word}` is not understood; see --help").into()),
            }
        }
        if options.data.is_none() {
            options.data = crate::data_folder(&[]).ok();
        }
        options.server = options.server.canonicalize().map_err(|_| {
            format!(
                "there is no program {}: `cargo build --release` makes it, or name one with --server",
                options.server.display()
            )
        })?;
        Ok(options)
    }

    /// Repeats, or what the bench usually does: few in a trial.
    pub fn repeats_or(&self, usual: usize, trial: usize) -> usize {
        self.repeats.unwrap_or(if self.quick { trial } else { usual }).max(1)
    }

    /// Whether a server takes part.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}
