//! A program that takes the value to where it is needed: a script of one's own, a reload.

use std::io::Write;
use std::process::{self, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use keyward_types::Secret;

use crate::{Fault, Target};

pub(crate) struct Command {
    pub(crate) arguments: Vec<String>,
    pub(crate) variable: Option<String>,
}

/// How long it may take.
const LONGEST: Duration = Duration::from_secs(25);
/// What is ours alone.
const OURS: [&str; 5] =
    ["KEYWARD_PASSPHRASE", "KEYWARD_PASSPHRASE_FILE", "KEYWARD_TOKEN", "KEYWARD_KEYS", "KEYWARD_IDENTITY_FILE"];

impl Target for Command {
    fn check(&self) -> Result<(), Fault> {
        let program = self.program()?;
        let found = std::fs::metadata(program).map_err(|error| Fault::Refused(format!("`{program}`: {error}")))?;
        #[cfg(unix)]
        let runs = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0;
        #[cfg(not(unix))]
        let runs = true;
        match found.is_file() && runs {
            true => Ok(()),
            false => Err(Fault::Refused(format!("`{program}` is no program"))),
        }
    }

    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault> {
        let program = self.program()?;
        let mut command = process::Command::new(program);
        command.args(&self.arguments[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        OURS.iter().for_each(|name| {
            command.env_remove(name);
        });
        match &self.variable {
            Some(variable) => {
                let text = std::str::from_utf8(value.expose()).ok().filter(|text| !text.contains('\0'));
                command.env(variable, text.ok_or_else(|| Fault::Refused("the value fits into no variable".into()))?);
                command.stdin(Stdio::null());
            }
            None => {
                command.stdin(Stdio::piped());
            }
        }
        let mut child = command.spawn().map_err(|error| Fault::Refused(format!("`{program}`: {error}")))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read ends all the same, and says how.
            let bytes = zeroize_on_drop(value);
            thread::spawn(move || drop(stdin.write_all(bytes.expose())));
        }
        let end = Instant::now() + LONGEST;
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(Fault::Passing(format!("`{program}` ended with {status}"))),
                Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(5)),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(Fault::Passing(format!("`{program}` took longer than {} s", LONGEST.as_secs())));
                }
                Err(error) => return Err(Fault::Passing(format!("`{program}`: {error}"))),
            }
        }
    }

    /// A program's end is all that is known.
    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault> {
        Ok(None)
    }
}

impl Command {
    fn program(&self) -> Result<&str, Fault> {
        self.arguments.first().map(String::as_str).ok_or_else(|| Fault::Refused("there is no program".into()))
    }
}

fn zeroize_on_drop(value: &Secret<Vec<u8>>) -> Secret<Vec<u8>> {
    Secret::new("value for a program", value.expose().clone())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str, variable: Option<&str>) -> Command {
        let arguments = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        Command { arguments, variable: variable.map(str::to_owned) }
    }

    #[test]
    fn the_value_comes_in_by_standard_input_or_by_a_variable() {
        let folder = tempfile::tempdir().unwrap();
        let value = Secret::new("value", b"new value".to_vec());
        for (script, variable) in [("cat > OUT", None), ("printf %s \"$KEY\" > OUT", Some("KEY"))] {
            let out = folder.path().join("out");
            let command = shell(&script.replace("OUT", &out.display().to_string()), variable);
            command.check().unwrap();
            command.deploy(&value).unwrap();
            assert_eq!(fs::read(&out).unwrap(), b"new value", "{script}");
            assert!(command.read_back().unwrap().is_none());
        }
    }

    #[test]
    fn a_program_that_fails_is_told_without_the_value() {
        let failed = shell("exit 7", None).deploy(&Secret::new("value", b"hidden".to_vec())).unwrap_err();
        assert!(matches!(&failed, Fault::Passing(why) if why.contains('7') && !why.contains("hidden")), "{failed}");
        let missing = Command { arguments: vec!["/no/such/program".into()], variable: None };
        assert!(matches!(missing.check(), Err(Fault::Refused(_))));
    }
}
