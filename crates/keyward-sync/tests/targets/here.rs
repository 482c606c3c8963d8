//! Files of this machine.

use std::fs;
use std::path::PathBuf;

use keyward_dotenv::{Dialect, parse};
use keyward_sync::Settings;
use keyward_testing::targets::{TargetWorld, target_conformance};

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "# mine\nPORT=80\n").unwrap();
        Self { path, _folder: folder }
    }

    fn read(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(&self.path).unwrap();
        parse(&text, Dialect::Python, &|_| None).unwrap().value(name).map(str::to_owned)
    }
}

impl TargetWorld for File {
    fn settings(&self, _: bool) -> Settings {
        Settings::EnvFile { path: self.path.clone(), variable: "SESSION_SECRET".into(), restart: None }
    }

    fn holds(&self) -> Option<String> {
        self.read("SESSION_SECRET")
    }

    /// A file is the user's own: what it has under that name is what is to be replaced.
    fn foreign(&self, _: &str) -> bool {
        false
    }

    fn beside(&self) -> String {
        format!("{:?}", self.read("PORT"))
    }
}

#[test]
fn a_file_keeps_what_is_asked() {
    let ran = target_conformance(File::new);
    assert!(ran.len() >= 3, "{ran:?}");
}
