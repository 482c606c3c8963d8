//! Being signed in at a server, from one command to the next.
//!
//! One file a server, in the folder of the key files and readable by its owner alone. It holds a
//! session and no password: the session ends by itself after a week without use, with the account,
//! and with `keyward logout`.

mod front;
mod url;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use keyward_types::Timestamp;
use keyward_types::token::PlainToken;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

pub use front::{DeviceCode, Front, Polled};
pub use url::ServerUrl;

use crate::home::private_folder;
use crate::{Failure, Home, Result};

/// Somebody who is signed in at a server.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Where.
    pub url: ServerUrl,
    /// As whom.
    pub account: String,
    /// The session, sent as `Authorization: Bearer`.
    pub token: PlainToken,
    /// The authority that the server's certificate is checked by; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// When the session ends, however much it is used.
    pub expires_at: Timestamp,
}

/// The same in its file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    url: String,
    account: String,
    session: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<PathBuf>,
    expires_at: Timestamp,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.session.zeroize();
    }
}

/// The JSON files of a folder; none where it is missing.
pub(crate) fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::file("read", folder, &error)),
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "json")).collect())
}

impl Home {
    /// Everywhere that somebody is signed in from here, in the order of the addresses.
    ///
    /// # Errors
    /// When the folder or one of its files cannot be read.
    pub fn signed(&self) -> Result<Vec<Signed>> {
        let files = json_files(&self.sessions())?;
        let mut signed = files.iter().filter_map(|path| read(path).transpose()).collect::<Result<Vec<_>>>()?;
        signed.sort_by(|a, b| a.url.cmp(&b.url));
        Ok(signed)
    }

    /// The session at this server, if there is one.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn signed_at(&self, url: &ServerUrl) -> Result<Option<Signed>> {
        read(&self.session_file(url))
    }

    /// Keeps a session, in the place of an earlier one at the same server.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_signed(&self, signed: &Signed) -> Result<()> {
        private_folder(&self.sessions())?;
        // What another session read is not this one's.
        self.forget_offline(&signed.url)?;
        let kept = Kept {
            url: signed.url.to_string(),
            account: signed.account.clone(),
            session: signed.token.expose().to_owned(),
            ca: signed.ca.clone(),
            expires_at: signed.expires_at,
        };
        let text = serde_json::to_vec_pretty(&kept).map_err(|error| Failure::internal(error.to_string()))?;
        write(&self.session_file(&signed.url), &Zeroizing::new(text))
    }

    /// Forgets the session at this server, and what is kept offline of it; gives whether there was one.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget_signed(&self, url: &ServerUrl) -> Result<bool> {
        self.forget_offline(url)?;
        let path = self.session_file(url);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::file("remove", &path, &error)),
        }
    }

    fn sessions(&self) -> PathBuf {
        self.keys.join("sessions")
    }

    fn session_file(&self, url: &ServerUrl) -> PathBuf {
        self.sessions().join(format!("{}.json", url.file_stem()))
    }
}

fn read(path: &Path) -> Result<Option<Signed>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file("read", path, &error)),
    };
    // What the parser says may quote the session.
    let damaged = || {
        Failure::usage(format!("`{}` is not what `keyward login` wrote", path.display()))
            .hint("remove it, then `keyward login` again")
    };
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
    Ok(Some(Signed {
        url: kept.url.parse().map_err(|_: Failure| damaged())?,
        account: kept.account.clone(),
        token: kept.session.parse().map_err(|_: keyward_types::Error| damaged())?,
        ca: kept.ca.clone(),
        expires_at: kept.expires_at,
    }))
}

/// A draft with the right mode takes the file's place, so that nobody reads it meanwhile.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("new");
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    // One that a process left behind which died.
    let _ = fs::remove_file(&draft);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&draft, path)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use keyward_types::token::TokenKind;

    use super::*;
    use crate::SystemRandom;

    fn signed(url: &str) -> Signed {
        Signed {
            url: url.parse().unwrap(),
            account: "ada".into(),
            token: PlainToken::generate(TokenKind::Session, &SystemRandom).unwrap(),
            ca: None,
            expires_at: Timestamp(1_795_000_000_000),
        }
    }

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home { folder: folder.path().join("vault"), keys: folder.path().join("keys") };
        (folder, home)
    }

    #[test]
    fn a_session_is_kept_for_its_server_alone_until_it_is_forgotten() {
        let (_folder, home) = home();
        assert!(home.signed().unwrap().is_empty());
        let (one, other) = (signed("https://kw.example"), signed("http://127.0.0.1:8200"));
        home.keep_signed(&one).unwrap();
        home.keep_signed(&other).unwrap();
        let found = home.signed_at(&"KW.example".parse().unwrap()).unwrap().unwrap();
        assert_eq!((found.account.as_str(), found.token.expose()), ("ada", one.token.expose()));
        assert_eq!(home.signed().unwrap().len(), 2);
        assert!(home.signed_at(&"https://kw.example:8443".parse().unwrap()).unwrap().is_none());
        let again = signed("https://kw.example");
        home.keep_signed(&again).unwrap();
        assert_eq!(home.signed_at(&one.url).unwrap().unwrap().token.expose(), again.token.expose());
        assert!(home.forget_signed(&one.url).unwrap() && !home.forget_signed(&one.url).unwrap());
        assert_eq!(home.signed().unwrap()[0].url, other.url);
    }

    #[cfg(unix)]
    #[test]
    fn others_on_the_machine_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, home) = home();
        home.keep_signed(&signed("https://kw.example")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&home.session_file(&"https://kw.example".parse().unwrap())), 0o600);
        assert_eq!(mode(&home.sessions()), 0o700);
    }

    #[test]
    fn a_file_that_somebody_damaged_is_said_without_its_session() {
        let (_folder, home) = home();
        let one = signed("https://kw.example");
        home.keep_signed(&one).unwrap();
        let path = home.session_file(&one.url);
        let text = fs::read_to_string(&path).unwrap().replace("\"account\"", "\"accounts\"");
        fs::write(&path, text).unwrap();
        let failure = home.signed_at(&one.url).unwrap_err();
        assert!(!format!("{failure:?}").contains(&one.token.expose()[4..20]) && failure.hint.is_some());
    }
}
