//! A certificate authority of one's own, for servers that no public one can name: two files in a
//! folder, and certificates from it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use keyward_client::{Failure, Result, SystemClock, SystemRandom};
use keyward_types::{Clock, Random, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use zeroize::Zeroizing;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// A listener.
    Server,
    /// Somebody who calls one.
    Client,
}

/// Certificate and key, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key, for this user alone.
    pub key: PathBuf,
}

/// Stands before the certificate in its file: names the authority, whose name is in what it signs.
const HEAD: &str = "keyward authority ";
const YEARS: i64 = 10;
/// Longest life of a certificate: what browsers take.
pub const MOST_DAYS: u32 = 397;

/// Makes an authority in a folder.
///
/// # Errors
/// When there is one already, or the folder cannot be written.
pub fn init(folder: &Path) -> Result<Issued> {
    let files = Issued { certificate: folder.join("ca.pem"), key: folder.join("ca.key") };
    fs::create_dir_all(folder).map_err(|error| Failure::file("make the folder", folder, &error))?;
    let mut id = [0; 4];
    SystemRandom.fill(&mut id).map_err(|error| Failure::internal(error.to_string()))?;
    let name = format!("{HEAD}{:08x}", u32::from_be_bytes(id));
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = authority(&name)?.self_signed(&key).map_err(failed)?;
    write(&files.key, &Zeroizing::new(key.serialize_pem()), 0o600)?;
    write(&files.certificate, &format!("{name}\n{}", certificate.pem()), 0o644)?;
    Ok(files)
}

/// Makes a certificate for these names, signed by the folder's authority, and its key.
///
/// # Errors
/// When there is no authority, a file of this name exists, or a name is none.
pub fn issue(folder: &Path, names: &[String], use_: Use, days: u32) -> Result<Issued> {
    let Some(first) = names.first() else { return Err(Failure::usage("a certificate needs a name")) };
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Failure::usage(format!("a certificate lasts 1 to {MOST_DAYS} days")));
    }
    if let Some(bad) = names.iter().find(|name| !can_be_reached(name)) {
        return Err(Failure::usage(format!("`{}` is neither a host name nor an address", bad.escape_debug()))
            .hint("a name is like `keyward.example`, `*.example` or `10.0.0.7`"));
    }
    let stem: String =
        first.chars().map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '_' }).collect();
    let files = Issued { certificate: folder.join(format!("{stem}.pem")), key: folder.join(format!("{stem}.key")) };
    let (name, signer) = read(folder)?;
    let params = authority(&name)?;
    let issuer = Issuer::from_params(&params, signer);
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = leaf(names, use_, days)?.signed_by(&key, &issuer).map_err(failed)?;
    write(&files.key, &Zeroizing::new(key.serialize_pem()), 0o600)?;
    write(&files.certificate, &certificate.pem(), 0o644)?;
    Ok(files)
}

/// A name by which a host is reached: an address, or labels of letters, digits and hyphens, the first
/// of which may be `*` (RFC 1123, RFC 6125).
fn can_be_reached(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let host = name.strip_prefix("*.").unwrap_or(name);
    name.parse::<std::net::IpAddr>().is_ok() || host.len() <= 253 && host.split('.').all(label)
}

fn authority(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, name);
    last(&mut params, YEARS * 365)?;
    Ok(params)
}

fn leaf(names: &[String], use_: Use, days: u32) -> Result<CertificateParams> {
    let wrong = |error: rcgen::Error| Failure::usage(format!("a name cannot stand in a certificate: {error}"));
    let mut params = CertificateParams::new(names.to_vec()).map_err(wrong)?;
    params.distinguished_name.push(DnType::CommonName, names[0].as_str());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match use_ {
        Use::Server => ExtendedKeyUsagePurpose::ServerAuth,
        Use::Client => ExtendedKeyUsagePurpose::ClientAuth,
    }];
    params.use_authority_key_identifier_extension = true;
    last(&mut params, i64::from(days))?;
    Ok(params)
}

/// The authority's name and key.
fn read(folder: &Path) -> Result<(String, KeyPair)> {
    let path = folder.join("ca.pem");
    let missing = |error: std::io::Error| {
        Failure::file("read", &path, &error).hint("`keyward ca init` makes an authority in a folder")
    };
    let text = fs::read_to_string(&path).map_err(missing)?;
    let name = text.lines().next().filter(|line| line.starts_with(HEAD));
    let name = name.ok_or_else(|| Failure::usage(format!("`{}` is no authority of keyward's", path.display())))?;
    let path = folder.join("ca.key");
    let key = fs::read_to_string(&path).map(Zeroizing::new);
    let key = key.map_err(|error| Failure::file("read", &path, &error))?;
    Ok((name.to_owned(), KeyPair::from_pem(&key).map_err(failed)?))
}

/// Never over a file that is there: a key that was replaced by accident is gone.
fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("`{}` exists already", path.display())).hint("move it away, or name another folder")
        }
        _ => Failure::file("write", path, &error),
    })
}

/// Sets how long a certificate lasts: from yesterday, as clocks differ, for so many days.
fn last(params: &mut CertificateParams, days: i64) -> Result<()> {
    let now = SystemClock.now();
    let (year, month, day) = calendar(now.plus_days(-1))?;
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = calendar(now.plus_days(days))?;
    params.not_after = date_time_ymd(year, month, day);
    Ok(())
}

fn calendar(moment: Timestamp) -> Result<(i32, u8, u8)> {
    let text = moment.to_string();
    let mut parts = text.split(['-', 'T']);
    let mut number = || parts.next().and_then(|part| part.parse::<u16>().ok()).unwrap_or_default();
    let (year, month, day) = (i32::from(number()), u8::try_from(number()), u8::try_from(number()));
    match (year, month, day) {
        (1970.., Ok(month), Ok(day)) => Ok((year, month, day)),
        _ => Err(Failure::internal(format!("the clock says `{text}`"))),
    }
}

fn failed(error: rcgen::Error) -> Failure {
    Failure::internal(format!("the certificate cannot be made: {error}"))
}
