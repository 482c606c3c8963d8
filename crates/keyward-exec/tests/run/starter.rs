//! What the tests start: `keyward run` without a vault. `starter [OPTION…] -- COMMAND…` with
//! `--secret VALUE`, `--search-path PATH`, `--set NAME=VALUE`, `--seen FILE` (names that were
//! masked), `--watch FILE` (the variable `VALUE` is the file's text, a change restarts), `--file TEXT`
//! (the variable `FILE` is the path of a private file).

use std::ffi::OsString;
use std::path::PathBuf;

use keyward_exec::{Masker, Next, PrivateFiles, Run};

#[derive(Clone, Default)]
struct Options {
    secrets: Vec<String>,
    search_path: Option<OsString>,
    set: Vec<(OsString, OsString)>,
    seen: Option<PathBuf>,
    watch: Option<PathBuf>,
    file: Option<String>,
    command: Vec<OsString>,
}

fn main() {
    let options = Options::parse();
    let ending = match &options.watch {
        None => options.run().run(),
        Some(file) => {
            let mut last = read(file);
            options.run().run_watched(|| match read(file) {
                text if text == last => Next::Keep,
                text => {
                    last = text;
                    Next::Restart(Box::new(options.run()))
                }
            })
        }
    };
    match ending {
        Ok(ending) => {
            if let Some(file) = options.seen {
                std::fs::write(file, ending.seen.join(" ")).expect("the folder of the test is there");
            }
            ending.status.leave()
        }
        Err(error) => {
            report(&format!("starter: {error}"));
            std::process::exit(i32::from(error.exit_code()))
        }
    }
}

impl Options {
    fn parse() -> Self {
        let mut options = Self::default();
        let mut args = std::env::args_os().skip(1);
        let value = |args: &mut dyn Iterator<Item = OsString>| args.next().expect("an option's value");
        while let Some(arg) = args.next() {
            let text = |value: OsString| value.into_string().expect("text");
            match arg.to_str() {
                Some("--secret") => options.secrets.push(text(value(&mut args))),
                Some("--search-path") => options.search_path = Some(value(&mut args)),
                Some("--set") => {
                    let pair = text(value(&mut args));
                    let (name, value) = pair.split_once('=').expect("NAME=VALUE");
                    options.set.push((name.into(), value.into()));
                }
                Some("--seen") => options.seen = Some(value(&mut args).into()),
                Some("--watch") => options.watch = Some(value(&mut args).into()),
                Some("--file") => options.file = Some(text(value(&mut args))),
                Some("--") => options.command = args.by_ref().collect(),
                _ => panic!("unknown option {arg:?}"),
            }
        }
        options
    }

    #[allow(clippy::disallowed_methods, reason = "here the test's binary is the one that reads the environment")]
    fn run(&self) -> Run {
        let mut env: Vec<_> = std::env::vars_os().collect();
        env.extend(self.set.clone());
        if let Some(file) = &self.watch {
            env.push(("VALUE".into(), read(file).into()));
        }
        let files = self.file.as_ref().map(|text| {
            let mut files = PrivateFiles::new(None).expect("a folder in memory");
            env.push(("FILE".into(), files.add("FILE", text.as_bytes()).expect("room for a file").into()));
            files
        });
        let names = self.secrets.iter().enumerate();
        Run {
            program: self.command[0].clone(),
            args: self.command[1..].to_vec(),
            env,
            search_path: self.search_path.clone().or_else(|| std::env::var_os("PATH")),
            masker: Some(Masker::new(names.map(|(i, value)| (format!("SECRET_{i}"), value)))),
            files,
        }
    }
}

fn read(file: &PathBuf) -> String {
    std::fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

#[allow(clippy::print_stderr, reason = "this is a program")]
fn report(message: &str) {
    eprintln!("{message}");
}
