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
    /// Folder that pages and charts are written to.
    pub write: Option<PathBuf>,
    /// Folder that `all` keeps every bench's output in.
    pub out: Option<PathBuf>,
    /// Which servers (for `all`: benches) take part; empty = all.
    pub only: Vec<String>,
}

impl Options {
    /// Reads them for a bench that starts servers, and makes sure that the program is there; it is looked for beside this one.
    pub fn read(arguments: &[&str]) -> Outcome<Self> {
        crate::process::end_together()?;
        let mut options = Self::of_names(arguments)?;
        options.server = options.server.canonicalize().map_err(|_| {
            format!(
                "there is no program {}: `cargo build --release` makes it, or name one with --server",
                options.server.display()
            )
        })?;
        Ok(options)
    }

    /// Reads them for a bench that starts no program.
    pub fn of_names(arguments: &[&str]) -> Outcome<Self> {
        let mut options = Self {
            names: None,
            data: None,
            server: std::env::current_exe()?.with_file_name("schoolgate"),
            quick: false,
            repeats: None,
            write: None,
            out: None,
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
                "--out" => options.out = Some(PathBuf::from(value()?)),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--quick" => options.quick = true,
                _ => return Err(format!("`{word}` is not understood; see --help").into()),
            }
        }
        if options.data.is_none() {
            options.data = crate::data_folder(&[]).ok();
        }
        Ok(options)
    }

    /// Repeats, or what the bench usually does: few in a trial.
    pub fn repeats_or(&self, usual: usize, trial: usize) -> usize {
        self.repeats.unwrap_or(if self.quick { trial } else { usual }).max(1)
    }

    /// Whether a server or bench takes part.
    pub fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}
