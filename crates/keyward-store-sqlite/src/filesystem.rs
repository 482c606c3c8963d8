//! Where a database may lie: not on network file systems. SQLite's write-ahead log needs memory
//! shared between the processes at it, and our promise needs flushes that mean something.

use std::path::Path;

use keyward_store::{Error, Result};

use crate::error;

/// Refuses a folder on a network file system.
#[cfg(target_os = "linux")]
pub(crate) fn refuse_network(folder: &Path) -> Result<()> {
    let Ok(found) = rustix::fs::statfs(folder) else { return Ok(()) };
    // The magic is an unsigned 32-bit number in a field whose width and sign vary by platform.
    let magic = found.f_type as u32;
    let kind = if magic == FUSE { fuse_kind(folder) } else { network_kind(magic).map(str::to_owned) };
    match kind {
        Some(kind) => Err(Error::NetworkFilesystem { path: error::show(folder), kind }),
        None => Ok(()),
    }
}

/// Elsewhere the file system is not looked at.
#[cfg(not(target_os = "linux"))]
pub(crate) fn refuse_network(_folder: &Path) -> Result<()> {
    Ok(())
}

/// Name of the network file system with this magic number (`linux/magic.h`, and each system's own).
fn network_kind(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "nfs",
        0x517b => "smb",
        0xff53_4d42 => "cifs",
        0xfe53_4d42 => "smb2",
        0x0102_1997 => "9p",
        0x5346_414f | 0x6b41_4653 => "afs",
        0x7375_7245 => "coda",
        0x564c => "ncp",
        0x00c3_6400 => "ceph",
        0x0bd0_0bd0 => "lustre",
        0x1983_0326 => "beegfs",
        0x4750_4653 => "gpfs",
        0x0116_1970 => "gfs2",
        0x7461_636f => "ocfs2",
        _ => return None,
    })
}

/// FUSE carries local file systems (NTFS, encrypted folders) and remote ones; the mount table tells.
#[cfg(target_os = "linux")]
fn fuse_kind(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    fuse_kind_in(&mounts, &folder)
}

/// Type of the remote FUSE mount under which `folder` lies, from the text of `mountinfo` (proc(5)).
fn fuse_kind_in(mounts: &str, folder: &Path) -> Option<String> {
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let (mount, source) = line.split_once(" - ")?;
            let point = unescape(mount.split(' ').nth(4)?);
            Some((point, source.split(' ').next()?))
        })
        // Of mounts on one point the last one is seen.
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.len())?;
    let kind = mount.1.strip_prefix("fuse.")?;
    REMOTE_FUSE.iter().any(|remote| kind.contains(remote)).then(|| mount.1.to_owned())
}

/// `mountinfo` writes space, tab, newline and backslash in octal.
fn unescape(field: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(field.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(target_os = "linux")]
const FUSE: u32 = 0x6573_5546;

const REMOTE_FUSE: &[&str] = &[
    "sshfs",
    "s3",
    "rclone",
    "gcsfuse",
    "blobfuse",
    "davfs",
    "curlftpfs",
    "glusterfs",
    "ceph",
    "juicefs",
    "goofys",
    "seaweed",
    "moosefs",
    "mfs",
    "smb",
    "nfs",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_magic() {
        let ext4 = 0xef53;
        let tmpfs = 0x0102_1994;
        assert_eq!(network_kind(0x6969), Some("nfs"));
        assert_eq!(network_kind(0x0102_1997), Some("9p"));
        assert_eq!((network_kind(ext4), network_kind(tmpfs)), (None, None));
    }

    #[test]
    fn fuse_mounts_are_told_apart() {
        let mounts = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:36 / /mnt/far\\040away rw,nosuid - fuse.sshfs host:/ rw,user_id=0
41 40 0:37 / /mnt/far\\040away/near rw,nosuid - ext4 /dev/vdb rw
42 22 0:38 / /mnt/sealed rw,nosuid - fuse.gocryptfs /dev/fuse rw
";
        let kind = |folder: &str| fuse_kind_in(mounts, Path::new(folder));
        assert_eq!(kind("/mnt/far away/x").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind("/mnt/far away/near/x"), None);
        assert_eq!(kind("/mnt/sealed"), None);
        assert_eq!(kind("/mnt/far away from here"), None, "names are compared whole");
    }

    #[test]
    fn this_machines_temporary_folder_is_local() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(refuse_network(folder.path()), Ok(()));
    }
}
