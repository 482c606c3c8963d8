//! Files in age's format (age-encryption.org/v1), which the `age` command reads and writes.

use std::fs::File;
use std::io::{BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor};
use keyward_client::{AgeIdentity, AgeRecipient, Code, Failure, Result};
use keyward_types::Secret;

/// To whom a file is encrypted.
pub(crate) enum To {
    /// Whoever knows the passphrase.
    Passphrase(Secret<String>),
    /// Whoever has one of these keys.
    Recipients(Vec<AgeRecipient>),
}

/// What a file is decrypted with.
pub(crate) enum With {
    /// The passphrase.
    Passphrase(Secret<String>),
    /// One of these keys.
    Identities(Vec<AgeIdentity>),
}

/// Encrypts what `from` gives.
pub(crate) fn encrypt(from: &mut dyn Read, into: &mut dyn Write, to: &To, armor: bool) -> Result<()> {
    let failed = |error: std::io::Error| Failure::internal(format!("the file cannot be written: {error}"));
    let encryptor = match to {
        To::Passphrase(passphrase) => Encryptor::with_user_passphrase(secret(passphrase)),
        To::Recipients(keys) => Encryptor::with_recipients(keys.iter().map(AgeRecipient::key))
            .map_err(|error| Failure::usage(format!("these recipients cannot be used: {error}")))?,
    };
    let format = if armor { Format::AsciiArmor } else { Format::Binary };
    let armored = ArmoredWriter::wrap_output(into, format).map_err(failed)?;
    let mut writer = encryptor.wrap_output(armored).map_err(failed)?;
    std::io::copy(from, &mut writer).map_err(failed)?;
    writer.finish().and_then(ArmoredWriter::finish).map_err(failed)?.flush().map_err(failed)
}

/// Whether a file wants a passphrase, as its header says; the file from its beginning again.
pub(crate) fn wants_passphrase(from: Box<dyn Read>) -> Result<Encrypted> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(from)).map_err(refused)?;
    Ok(Encrypted { decryptor })
}

/// An age file whose header was read.
pub(crate) struct Encrypted {
    decryptor: Decryptor<ArmoredReader<BufReader<Box<dyn Read>>>>,
}

impl Encrypted {
    /// Whether a passphrase opens it, rather than a key.
    pub(crate) fn wants_passphrase(&self) -> bool {
        self.decryptor.is_scrypt()
    }

    /// Decrypts it. What was written before a damage was found is worth nothing.
    pub(crate) fn decrypt(self, into: &mut dyn Write, with: &With) -> Result<()> {
        let mut reader = match with {
            With::Passphrase(passphrase) => {
                let identity = age::scrypt::Identity::new(secret(passphrase));
                self.decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
            }
            With::Identities(identities) => self.decryptor.decrypt(identities.iter().flat_map(AgeIdentity::keys)),
        }
        .map_err(refused)?;
        let copied = std::io::copy(&mut reader, into).and_then(|_| into.flush());
        copied.map_err(|error| Failure::internal(format!("the file is damaged or cannot be written: {error}")))
    }
}

fn refused(error: DecryptError) -> Failure {
    match error {
        DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
            Failure::new(Code::Locked, "this does not open the file")
        }
        DecryptError::InvalidHeader | DecryptError::InvalidMac | DecryptError::UnknownFormat => {
            Failure::usage("this is no age file, or it is damaged")
        }
        DecryptError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Failure::usage("this is no age file, or it is cut off")
        }
        other => Failure::usage(format!("the file cannot be decrypted: {other}")),
    }
}

fn secret(text: &Secret<String>) -> SecretString {
    SecretString::from(text.expose().clone())
}

/// The file to read, or standard input for `-`.
pub(crate) fn source(path: &Path) -> Result<Box<dyn Read>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    Ok(Box::new(file))
}

/// Where the result goes: a new file that only its owner reads, which is removed unless it is kept,
/// or standard output for `-`.
pub(crate) enum Target {
    /// A new file.
    File(File, PathBuf),
    /// Standard output.
    Output,
}

impl Target {
    /// Makes it; an existing file is never overwritten.
    pub(crate) fn make(path: &Path, secret: bool) -> Result<Self> {
        if path.as_os_str() == "-" {
            if secret && std::io::stdout().is_terminal() {
                return Err(Failure::usage("the content would go to the terminal")
                    .hint("`--output PATH` writes a new file; or hand the output to a program"));
            }
            return Ok(Self::Output);
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self::File(file, path.to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Failure::usage(format!("`{}` exists already", path.display()))
                    .hint("`--output PATH` names another"))
            }
            Err(error) => Err(Failure::file("write", path, &error)),
        }
    }

    /// Writes to it, and keeps it only when that went well.
    pub(crate) fn fill(self, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        match self {
            Self::Output => write(&mut std::io::stdout().lock()),
            Self::File(mut file, path) => {
                let written = write(&mut file)
                    .and_then(|()| file.sync_all().map_err(|error| Failure::file("write", &path, &error)));
                written.inspect_err(|_| drop(std::fs::remove_file(&path)))
            }
        }
    }
}
